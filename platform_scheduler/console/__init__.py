"""The operators' dashboard: Django's admin with pages of its own, made of what query answers and register does."""

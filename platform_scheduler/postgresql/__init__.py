"""PostgreSQL as Django speaks to it (`base`)."""

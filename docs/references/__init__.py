"""Pages of docs/reference/, made from the code: what they say is what runs."""

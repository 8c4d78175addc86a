"""What each field and parameter of the API means, and what stands in it: the words of the OpenAPI document.

By name, for one name means one thing; where it does not, by the schema as well (`Compliance.slots`). A field's own
`help_text` says more of its place and comes first.
"""

"""Brings schedules of other systems here: each module of a source reads it into records of the API's field names."""

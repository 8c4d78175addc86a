"""The file formats of task records: each module has `read` and `write`, both streaming."""

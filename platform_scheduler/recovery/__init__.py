"""Backup and restore: all rows of the platform in one snapshot, as files that are checked before they count."""

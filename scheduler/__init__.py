"""Owns the tables and the rules: schedules, claim, dispatch, transitions, recovery, beat."""

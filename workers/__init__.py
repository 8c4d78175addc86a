"""Runs the user's code: handler registry, built-in handlers, run, reporter."""

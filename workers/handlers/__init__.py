"""The built-in handlers; importing this package registers them."""

from workers.handlers import celery, cleanup, http, noop, shell, sleep

__all__ = ["celery", "cleanup", "http", "noop", "shell", "sleep"]

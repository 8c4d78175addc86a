"""The built-in handlers; importing this package registers them."""

from workers.handlers import cleanup, noop, sleep

__all__ = ["cleanup", "noop", "sleep"]

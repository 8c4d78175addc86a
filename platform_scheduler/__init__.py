"""The composition root: settings profiles, URLs, the Celery app, the HTTP error shape, the embedded servers."""

from platform_scheduler.celery import app as celery_app

__all__ = ["celery_app"]

"""The Celery workers that run handlers; no URLs, no connection pool across forks."""

from platform_scheduler.settings.base import *

INSTALLED_APPS = [*INSTALLED_APPS, "workers"]
CELERY_IMPORTS = ["workers.tasks", "workers.deliveries", "scheduler.housekeeping"]
# Its loop keeps the promise, and so notices within 25 s that RabbitMQ is gone without a word.
CELERY_BROKER_HEARTBEAT = 10

"""The Celery workers that run handlers; no URLs, no connection pool across forks."""

from platform_scheduler.settings.environment import critical_only
from platform_scheduler.settings.headless import *

INSTALLED_APPS = [*INSTALLED_APPS, "workers"]
CELERY_IMPORTS = ["workers.tasks", "workers.deliveries", "scheduler.housekeeping"]
# Its loop keeps the promise, and so notices within 25 s that RabbitMQ is gone without a word.
CELERY_BROKER_HEARTBEAT = 10
if WORKER_CRITICAL_ONLY:
    CELERY_BROKER_TRANSPORT_OPTIONS = critical_only(CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS)

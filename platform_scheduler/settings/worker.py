"""The Celery workers that run handlers; no URLs, no connection pool across forks."""

from platform_scheduler.settings.base import *

CELERY_IMPORTS = ["workers.tasks", "scheduler.housekeeping"]

"""The Celery workers that run handlers; no URLs, no connection pool across forks."""

from platform_scheduler.settings.base import *

INSTALLED_APPS = [*INSTALLED_APPS, "workers"]
CELERY_IMPORTS = ["workers.tasks", "scheduler.housekeeping"]

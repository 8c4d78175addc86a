"""The read API."""

from platform_scheduler.settings.base import *
from platform_scheduler.settings.environment import database

ROOT_URLCONF = "platform_scheduler.urls.query"
DATABASES = {"default": database("DATABASE_URL", pool_size=8)}

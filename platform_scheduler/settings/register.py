"""The write API."""

from platform_scheduler.settings.base import *
from platform_scheduler.settings.environment import database

ROOT_URLCONF = "platform_scheduler.urls.register"
DATABASES = {"default": database("DATABASE_URL", pool_size=8)}

"""Everything over HTTP in one process: register, query and the console."""

from platform_scheduler.settings.base import *
from platform_scheduler.settings.environment import database

INSTALLED_APPS = [*INSTALLED_APPS, "workers"]
ROOT_URLCONF = "platform_scheduler.urls.all"
DATABASES = {"default": database("DATABASE_URL", pool_size=8)}

"""The write API."""

from platform_scheduler.settings.environment import database
from platform_scheduler.settings.headless import *

ROOT_URLCONF = "platform_scheduler.urls.register"
DATABASES = {"default": database("DATABASE_URL", pool_size=8)}

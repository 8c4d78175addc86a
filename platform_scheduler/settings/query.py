"""The read API."""

from platform_scheduler.settings.base import *
from platform_scheduler.settings.environment import database, env

ROOT_URLCONF = "platform_scheduler.urls.query"
DATABASES = {"default": database("DATABASE_URL", pool_size=8)}
# A copy of it to read from; without one all is read from the primary.
if env.str("QUERY_DATABASE_URL", ""):
    DATABASES["replica"] = database("QUERY_DATABASE_URL", pool_size=8)

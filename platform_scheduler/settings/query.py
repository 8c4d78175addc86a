"""The read API."""

from platform_scheduler.settings.environment import database, env
from platform_scheduler.settings.headless import *

ROOT_URLCONF = "platform_scheduler.urls.query"
DATABASES = {"default": database("DATABASE_URL", pool_size=8)}
# A copy of it to read from; without one all is read from the primary. So it is where the copy makes somebody wait: less
# than a probe of readiness, which asks it too, waits for its answer.
if env.str("QUERY_DATABASE_URL", ""):
    DATABASES["replica"] = database("QUERY_DATABASE_URL", pool_size=8, longest_wait=2)

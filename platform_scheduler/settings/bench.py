"""`manage.py bench` itself: Django is to know no server, for each measurement gets databases of its own."""

import os
import secrets

# What --here measures on.
SERVERS_OF_ENVIRONMENT = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
os.environ["DATABASE_URL"] = "postgresql://unset@127.0.0.1:1/unset"
os.environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
os.environ.pop("BROKER_URL", None)

from platform_scheduler.settings.base import *

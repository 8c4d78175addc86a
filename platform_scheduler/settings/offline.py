"""A dry run against a catalogue in a file: no server is there, as in a team's own CI, and none is asked."""

import os
import secrets

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
os.environ["DATABASE_URL"] = "postgresql://unset@127.0.0.1:1/unset"
os.environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
os.environ.pop("BROKER_URL", None)

from platform_scheduler.settings.base import *

"""The test suite's profile: its servers' URLs come from tests.servers, its key is made anew each run."""

import os
import secrets

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "postgresql://unset@127.0.0.1:1/unset")
os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:1/0")
os.environ.pop("BROKER_URL", None)

from platform_scheduler.settings.base import *

INSTALLED_APPS = [*INSTALLED_APPS, "workers"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = os.environ.get("PYTEST_XDIST_WORKER", "main") + ":"
# Whoever imports the WSGI entry point is no web server here, and counts for itself.
METRICS_DIR = None
# The machine that runs the tests may be under any load; whoever tests protection switches it on.
PROTECTION = False
# Every client of every test would go through all files of the pages first, as a server does once when it starts.
WHITENOISE_AUTOREFRESH = True

"""`manage.py up` itself: no database, no key, no broker yet; the services that it starts have profiles of their own."""

INSTALLED_APPS = ["platform_scheduler"]
USE_TZ = True
# Django puts it into the environment, where supervisord reads it.
TIME_ZONE = "UTC"

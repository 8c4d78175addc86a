"""What answers no browser: the admin's tables without its pages, no URLs, and nothing of what those import.

Schedulers and workers are that and no more; the APIs add their URLs.
"""

from platform_scheduler.settings import base
from platform_scheduler.settings.base import *

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig" if app == base.CONSOLE else app for app in base.INSTALLED_APPS
]
ROOT_URLCONF = "platform_scheduler.urls.none"

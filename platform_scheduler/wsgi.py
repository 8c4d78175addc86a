"""The WSGI entry point; the settings profile decides what it serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_scheduler.settings.all")

application = get_wsgi_application()

"""The WSGI entry point; the settings profile decides what it serves."""

import gc
import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from platform_scheduler.settings.refusals import REFUSALS, line
from platform_scheduler.siblings import share

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_scheduler.settings.all")

try:
    if settings.METRICS_DIR:
        share(settings.METRICS_DIR)
    application = get_wsgi_application()
except REFUSALS as refusal:
    # The server's own way is a traceback from each of its processes.
    sys.exit(line(refusal))

# Whatever imports prometheus_client comes after share().
from platform_scheduler.scraping import serve_apart

serve_apart()

# What is loaded by now stays: the collector would look through all of it again and again, in the middle of a request.
gc.freeze()

"""The WSGI entry point; the settings profile decides what it serves."""

import gc
import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from platform_scheduler.settings.refusals import REFUSALS, line
from platform_scheduler.siblings import share

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_scheduler.settings.all")

try:
    # While all is loaded nothing becomes garbage, and looking for it takes a fifth of the time.
    gc.disable()
    if settings.METRICS_DIR:
        share(settings.METRICS_DIR)
    application = get_wsgi_application()
    # Else the first request would wait for it, and a fault in it be that request's.
    import_module(settings.ROOT_URLCONF)
except REFUSALS as refusal:
    # The server's own way is a traceback from each of its processes.
    sys.exit(line(refusal))

# Whatever imports prometheus_client comes after share().
from platform_scheduler.scraping import serve_apart

serve_apart()

# What is loaded by now stays: the collector would look through all of it again and again, in the middle of a request.
gc.freeze()
gc.enable()

"""The Celery application that schedulers publish with and workers consume with."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging

app = Celery("platform_scheduler", fixups=["platform_scheduler.fixups:fixup"])
app.config_from_object("django.conf:settings", namespace="CELERY")
# For every thread, not only the one that imports this: elsewhere Celery would answer with an app of its own, and its
# default broker.
app.set_default()


@setup_logging.connect
def leave_logging_to_django(**_: Any) -> None:
    """Keep Celery from setting up logging: with a receiver on this signal it leaves LOGGING as it stands."""

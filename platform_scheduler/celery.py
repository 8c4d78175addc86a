"""The Celery application that schedulers publish with and workers consume with."""

from celery import Celery

app = Celery("platform_scheduler")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

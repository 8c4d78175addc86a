"""The composition root as a Django app: it holds `up`, `bootstrap` and nothing in the database."""

from django.apps import AppConfig


class PlatformSchedulerConfig(AppConfig):
    name = "platform_scheduler"
    verbose_name = "Platform Scheduler"

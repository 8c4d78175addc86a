"""The workers as a Django app, in the profiles that may run handlers: it brings `run_task` and no tables."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"
    verbose_name = "Workers"

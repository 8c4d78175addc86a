"""Housekeeping in the admin: interval and switch can be changed, the task's name cannot.

django-celery-beat's own pages let anyone who may edit them send any task to any queue: a way around the allow-list.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from scheduler.consoles import AuditedAdmin

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class ChoreAdmin(AuditedAdmin, admin.ModelAdmin):
    """The chores that beat sends; `scheduler.housekeeping` names them."""

    list_display = ("name", "task", "interval", "enabled", "last_run_at", "total_run_count")
    fields = ("name", "task", "queue", "interval", "enabled", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "queue", "last_run_at", "total_run_count")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(IntervalSchedule)
class IntervalAdmin(AuditedAdmin, admin.ModelAdmin):
    """The intervals that chores may have."""

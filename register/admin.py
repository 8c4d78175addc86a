"""Tasks in the console, to look at; they are changed through the API."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from scheduler.models import Task
from scheduler.paging import CappedPaginator

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Task]
else:  # generic for the type checker only
    Base = admin.ModelAdmin


@admin.register(Task)
class TaskAdmin(Base):
    """Read-only: a form would write columns that the claim is moving."""

    list_display = ("name", "namespace", "task_class", "status", "priority", "next_execution_time", "last_executed_at")
    list_filter = ("status", "misfire_policy", "overlap_policy")
    search_fields = ("name",)
    ordering = ("-created_at", "id")
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

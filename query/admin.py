"""Executions in the console, read-only."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from scheduler import clock
from scheduler.engine.identity import lower_bound
from scheduler.models import Execution
from scheduler.paging import CappedPaginator

LISTED = timedelta(days=8)
AHEAD = timedelta(days=1)

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Execution]
else:  # generic for the type checker only
    Base = admin.ModelAdmin


@admin.register(Execution)
class ExecutionAdmin(Base):
    """The list shows the last days, bounded by `id`: without bounds every page would open every partition."""

    list_display = ("id", "task", "scheduled_for", "status", "reason", "attempt", "trigger", "node_id")
    list_filter = ("status", "trigger")
    list_select_related = ("task",)
    search_fields = ("id",)
    search_help_text = f"Id of an execution or of a task, or a task's whole name; the last {LISTED.days} days."
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator

    def get_queryset(self, request: HttpRequest) -> QuerySet[Execution]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is None or not (match.url_name or "").endswith("_changelist"):
            return rows
        now = clock.now()
        return rows.filter(id__gte=lower_bound(now - LISTED), id__lt=lower_bound(now + AHEAD))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            wanted = UUID(term)
        except ValueError:
            return queryset.filter(task__name=term), False
        return queryset.filter(Q(id=wanted) | Q(task_id=wanted)), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

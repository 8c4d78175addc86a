"""Executions, nodes, the catalogue and broken promises in the console, read-only."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.html import format_html, format_html_join

from query import sla_page
from query.explaining import explain
from query.selectors import find_log
from scheduler import clock, display
from scheduler.engine.states import Status, Trigger
from scheduler.models import Breach, Execution, Handler, Node
from scheduler.nodes import SILENT_AFTER
from scheduler.paging import ListedAdmin, OfferedFilter, ReadOnlyAdmin
from scheduler.periods import LISTED, ExecutionFilter

ERROR_LENGTH = 120


class StatusFilter(OfferedFilter):
    """By status."""

    title = parameter_name = "status"
    words = tuple(Status)


class TriggerFilter(OfferedFilter):
    """By what made the execution."""

    title = parameter_name = "trigger"
    words = tuple(Trigger)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin, ListedAdmin):
    """The list shows a period: without bounds on `id` every page would open every partition."""

    list_class = ExecutionFilter
    list_display = ("task", "slot", "state", "why", "attempt", "trigger", "duration")
    list_filter = (StatusFilter, TriggerFilter)
    list_select_related = ("task", "task__calendar")
    search_fields = ("id",)
    search_help_text = f"Id of an execution or of a task, or a task's whole name; the last {LISTED.days} days."
    ordering = ("-id",)
    fields = (
        "story", "id", "task", "slot", "state", "why", "attempt", "trigger", "node_id", "due_at", "queued_at",
        "not_before", "start_time", "end_time", "duration", "scheduled_until", "slot_count", "namespace", "queue",
        "priority", "timeout_seconds", "revision", "fence", "cancel_requested_at", "task_data", "result",
        "error", "log",
    )  # fmt: skip
    readonly_fields = ("story", "slot", "state", "why", "duration", "error", "log")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        """Search by id, or by the name of the task."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            wanted = UUID(term)
        except ValueError:
            return queryset.filter(task__name=term), False
        return queryset.filter(Q(id=wanted) | Q(task_id=wanted)), False

    @admin.display(description="slot", ordering="id")
    def slot(self, execution: Any) -> str:
        """Show the slot, absolute and relative."""
        return display.moment(execution.scheduled_for, execution.looked_at)

    @admin.display(description="state", ordering="status")
    def state(self, execution: Execution) -> str:
        """Show the status; of what runs and is to end, since when."""
        asked = execution.cancel_requested_at
        return display.state(execution.status) + (f", cancel asked {display.absolute(asked)}" if asked else "")

    @admin.display(description="why")
    def why(self, execution: Execution) -> str:
        """Show the reason, or the first line of the error."""
        first_line = (execution.error_message or "").partition("\n")[0]
        return execution.reason or first_line[:ERROR_LENGTH]

    @admin.display(description="took")
    def duration(self, execution: Execution) -> str:
        """Show how long the attempt took."""
        return "" if execution.execution_time_ms is None else f"{execution.execution_time_ms:,} ms"

    @admin.display(description="what happened")
    def story(self, execution: Any) -> str:
        """Tell why it ran, ran late, waits or did not run: the summary, and each step with its time."""
        explained = explain(execution, now=execution.looked_at)
        steps = ((display.absolute(step.at) if step.at else "", step.message) for step in explained.steps)
        items = format_html_join("", "<li><time>{}</time>{}</li>", steps)
        return format_html('<strong>{}</strong><ul class="story">{}</ul>', explained.summary, items)

    @admin.display(description="log")
    def log(self, execution: Execution) -> str:
        """Show what it has logged."""
        log = find_log(execution)
        if log is None:
            return ""
        left_out = f"\n… {log.dropped_bytes:,} bytes are left out …\n" if log.dropped_bytes else "\n"
        return _as_written(f"{log.head}{left_out}{log.tail}" if log.tail else log.head)

    @admin.display(description="error")
    def error(self, execution: Execution) -> str:
        """Show the whole error, with its traceback."""
        return _as_written(execution.error_message) if execution.error_message else ""


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    """Running processes, and those that have ended or fallen silent within a day."""

    list_display = ("id", "role", "hostname", "pid", "version", "heartbeat", "started_at")
    list_filter = ("role",)
    ordering = ("-heartbeat_at", "id")

    @admin.display(description="heartbeat", ordering="heartbeat_at")
    def heartbeat(self, node: Any) -> str:
        """Show when it was last heard of, or took its leave."""
        if node.ended_at is not None:
            return f"ended, {display.relative(node.ended_at, node.looked_at)}"
        silent = node.looked_at - node.heartbeat_at > SILENT_AFTER
        return f"{'⚠ silent, ' if silent else ''}{display.relative(node.heartbeat_at, node.looked_at)}"


@admin.register(Handler)
class HandlerAdmin(ReadOnlyAdmin):
    """The catalogue: task classes that workers have announced."""

    list_display = ("task_class", "description", "version", "queues", "seen")
    search_fields = ("task_class",)
    ordering = ("task_class",)

    @admin.display(description="announced", ordering="seen_at")
    def seen(self, handler: Any) -> str:
        """Show when a worker last announced it."""
        return f"{display.span(handler.looked_at - handler.seen_at)} ago"


@admin.register(Breach)
class BreachAdmin(ReadOnlyAdmin):
    """Promises (SLA) that were broken, and a report to print of how well they are kept."""

    list_display = ("task", "namespace", "promise", "slot", "broken", "detected_at")
    list_filter = ("promise",)
    list_select_related = ("task",)
    ordering = ("-id",)
    search_fields = ("namespace",)
    search_help_text = "A task's id or whole name, or a namespace."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Breach], search_term: str
    ) -> tuple[QuerySet[Breach], bool]:
        """Search by the task's id, or by whole names."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(task_id=UUID(term)), False
        except ValueError:
            return queryset.filter(Q(task__name=term) | Q(namespace=term)), False

    def get_urls(self) -> list[Any]:
        """Return the paths, with the report's among them."""
        own = path("report/", self.admin_site.admin_view(self.report), name="scheduler_breach_report")
        return [own, *super().get_urls()]

    def report(self, request: HttpRequest) -> HttpResponse:
        """Show the report, which prints as it stands."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {"title": "SLA compliance"}
        return render(
            request, "admin/scheduler/breach/report.html", context | sla_page.context(request.GET, now=clock.now())
        )

    @admin.display(description="slot", ordering="scheduled_for")
    def slot(self, breach: Any) -> str:
        """Show the slot, absolute and relative."""
        return display.moment(breach.scheduled_for, breach.looked_at)

    @admin.display(description="broken", ordering="broken_at")
    def broken(self, breach: Any) -> str:
        """Show by when it was to be kept."""
        return display.moment(breach.broken_at, breach.looked_at)


def _as_written(text: str) -> str:
    """Return a text as HTML that keeps its lines and columns."""
    return format_html("<pre>{}</pre>", text)

"""Executions, nodes, the catalogue and broken promises in the console, read-only."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join

from query import sla_page
from query.explaining import explain
from query.selectors import find_log, visible_tasks
from scheduler import clock, display
from scheduler.engine.states import Status, Trigger
from scheduler.models import Breach, Execution, Handler, Node, SlotFault
from scheduler.nodes import SILENT_AFTER
from scheduler.paging import OfferedFilter, ReadOnlyAdmin, SearchedAdmin
from scheduler.periods import LISTED, ExecutionFilter
from scheduler.seats import scope_of
from scheduler.selections import BulkAdmin, Filter, NoFilter

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
class ExecutionAdmin(SearchedAdmin, ReadOnlyAdmin, BulkAdmin):
    """The list shows a period: without bounds on `id` every page would open every partition."""

    list_class = ExecutionFilter
    scoped_by = "namespace"
    acts_on = "executions"
    actions = ("retry", "cancel")
    list_display = ("of_task", "state", "slot", "why", "attempt", "trigger", "duration")
    list_display_links = ("slot",)
    empty_value_display = ""
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
    # Where these say nothing they are left out.
    rare_fields = (
        "not_before", "scheduled_until", "slot_count", "cancel_requested_at", "task_data", "result", "error", "log",
    )  # fmt: skip
    readonly_fields = ("story", "slot", "state", "why", "duration", "error", "log")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what the page shows."""
        silent = {name for name in self.rare_fields if obj is not None and not self._says(obj, name)}
        return [name for name in self.fields if name not in silent]

    def _says(self, execution: Execution, name: str) -> bool:
        value = getattr(self, name)(execution) if hasattr(self, name) else getattr(execution, name)
        return value not in (None, "")

    def matching(self, term: str) -> Q:
        """Ask for the id, or for the task by its id or whole name."""
        try:
            wanted = UUID(term)
        except ValueError:
            return Q(task__name=term)
        return Q(id=wanted) | Q(task_id=wanted)

    def searched_as(self, request: HttpRequest, term: str) -> Filter:
        """Return a search as a filter: of one execution, or of the only task of this id or name."""
        tasks = visible_tasks(namespace=scope_of(request))
        try:
            wanted = UUID(term)
        except ValueError:
            found = list(tasks.filter(name=term).values_list("id", flat=True)[:2])
            if len(found) != 1:
                raise NoFilter(f"{len(found) or 'No'} tasks have this name: filter by taskId.") from None
            return {"taskId": [str(found[0])]}
        return {"taskId" if tasks.filter(id=wanted).exists() else "ids": [str(wanted)]}

    @admin.action(description="Retry…", permissions=["bulk"])
    def retry(self, request: HttpRequest, _chosen: QuerySet[Execution]) -> HttpResponse | None:
        """Ask whether what was chosen is to be tried again."""
        return self.ask(request, "retry")

    @admin.action(description="Cancel…", permissions=["bulk"])
    def cancel(self, request: HttpRequest, _chosen: QuerySet[Execution]) -> HttpResponse | None:
        """Ask whether what was chosen is to be cancelled."""
        return self.ask(request, "cancel")

    def has_bulk_permission(self, request: HttpRequest) -> bool:
        """Allow whoever may change executions."""
        return request.user.has_perm("scheduler.change_execution")

    @admin.display(description="task")
    def of_task(self, execution: Execution) -> str:
        """Lead to the task."""
        return format_html('<a href="{}">{}</a>', reverse("admin:task", args=[execution.task_id]), execution.task)

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
        return "" if execution.execution_time_ms is None else display.took(execution.execution_time_ms)

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
class BreachAdmin(SearchedAdmin, ReadOnlyAdmin):
    """Promises (SLA) that were broken, and a report to print of how well they are kept."""

    scoped_by = "namespace"
    list_display = ("task", "namespace", "promise", "slot", "broken", "found")
    list_filter = ("promise",)
    list_select_related = ("task",)
    ordering = ("-id",)
    search_fields = ("namespace",)
    search_help_text = "A task's id or whole name, or a namespace."

    def matching(self, term: str) -> Q:
        """Ask for the task by its id or whole name, or for the namespace."""
        try:
            return Q(task_id=UUID(term))
        except ValueError:
            return Q(task__name=term) | Q(namespace=term)

    def get_urls(self) -> list[Any]:
        """Return the paths, with the report's among them."""
        own = path("report/", self.admin_site.admin_view(self.report), name="scheduler_breach_report")
        return [own, *super().get_urls()]

    def report(self, request: HttpRequest) -> HttpResponse:
        """Show the report, which prints as it stands."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = sla_page.context(request.GET, bound_to=scope_of(request), now=clock.now())
        context = {**self.admin_site.each_context(request), "title": "SLA compliance", **shown}
        return render(request, "admin/scheduler/breach/report.html", context)

    @admin.display(description="slot", ordering="scheduled_for")
    def slot(self, breach: Any) -> str:
        """Show the slot, absolute and relative."""
        return display.moment(breach.scheduled_for, breach.looked_at)

    @admin.display(description="broken", ordering="broken_at")
    def broken(self, breach: Any) -> str:
        """Show by when it was to be kept."""
        return display.moment(breach.broken_at, breach.looked_at)

    @admin.display(description="found", ordering="detected_at")
    def found(self, breach: Any) -> str:
        """Show when it was found."""
        return display.moment(breach.detected_at, breach.looked_at)


@admin.register(SlotFault)
class SlotFaultAdmin(SearchedAdmin, ReadOnlyAdmin):
    """What the self-audit has found: slots that are missed, doubled or late."""

    scoped_by = "namespace"
    list_display = ("task", "namespace", "kind", "slot", "late_by", "found")
    list_filter = ("kind",)
    list_select_related = ("task",)
    ordering = ("-id",)
    search_fields = ("namespace",)
    search_help_text = "A task's id, or a namespace."
    fields = ("task", "namespace", "kind", "slot", "late_by", "found")
    readonly_fields = ("slot", "late_by", "found")

    def matching(self, term: str) -> Q:
        """Ask for the task by its id, or for the namespace."""
        try:
            return Q(task_id=UUID(term))
        except ValueError:
            return Q(namespace=term)

    @admin.display(description="slot", ordering="scheduled_for")
    def slot(self, fault: Any) -> str:
        """Show the slot, absolute and relative."""
        return display.moment(fault.scheduled_for, fault.looked_at)

    @admin.display(description="late by", ordering="late_seconds")
    def late_by(self, fault: SlotFault) -> str:
        """Show how late it was recorded, or was when it was found waiting."""
        return "" if fault.late_seconds is None else display.span(timedelta(seconds=fault.late_seconds))

    @admin.display(description="found", ordering="id")
    def found(self, fault: Any) -> str:
        """Show when it was found."""
        return display.moment(fault.found_at, fault.looked_at)


def _as_written(text: str) -> str:
    """Return a text as HTML that keeps its lines and columns."""
    return format_html("<pre>{}</pre>", text)

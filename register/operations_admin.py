"""Operations in the console: looked at, and aborted."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.utils.html import format_html_join

from register import operations
from scheduler import clock, display
from scheduler.errors import SchedulerError
from scheduler.models import Operation
from scheduler.paging import CappedPaginator
from scheduler.representations import operation_as_json

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Operation]
else:  # generic for the type checker only
    Base = admin.ModelAdmin


@admin.register(Operation)
class OperationAdmin(Base):
    """Rows that schedulers write."""

    list_display = ("id", "kind", "task", "state", "progress", "created_at", "created_by")
    list_filter = ("status", "kind")
    list_select_related = ("task",)
    ordering = ("-created_at", "id")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    fields = (
        "id", "kind", "task", "namespace", "state", "progress", "period", "total_count", "done_count", "failed_count",
        "skipped_count", "open_executions", "estimated_end", "failures", "created_at", "created_by", "started_at",
        "ended_at", "abort_requested_at",
    )  # fmt: skip
    readonly_fields = ("state", "progress", "period", "open_executions", "estimated_end", "failures")
    actions = ("abort",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """Return the operations, each with the instant at which it is looked at."""
        return super().get_queryset(request).annotate(looked_at=Value(clock.now()))

    @admin.display(description="state", ordering="status")
    def state(self, operation: Operation) -> str:
        """Show the status; of what is to end, since when."""
        asked = operation.abort_requested_at if operation.ended_at is None else None
        return display.state(operation.status) + (f", abort asked {display.absolute(asked)}" if asked else "")

    @admin.display(description="progress")
    def progress(self, operation: Any) -> str:
        """Show how much of it has come to an end."""
        return f"{_shown(operation)['progress']:.0%} of {operation.total_count or 0:,}"

    @admin.display(description="period")
    def period(self, operation: Any) -> str:
        """Show which slots it is about."""
        arguments = _shown(operation)["arguments"]
        again = ", also what has succeeded" if arguments["rerun"] else ""
        return f"{arguments['from']} to {arguments['to']}, {arguments['maxParallel']} at once{again}"

    @admin.display(description="open")
    def open_executions(self, operation: Operation) -> int:
        """Show how many of its executions are open."""
        return operations.running_counts([operation])[operation.id]

    @admin.display(description="estimated end")
    def estimated_end(self, operation: Any) -> str:
        """Show when it ends if it goes on so."""
        return _shown(operation)["estimatedEndAt"] or ""

    @admin.display(description="errors")
    def failures(self, operation: Any) -> str:
        """Show the first slots that have failed."""
        errors = _shown(operation)["errors"]
        return format_html_join(
            "", "{} {} {}<br>", ((one["slot"] or "", one["status"] or "", one["message"] or "") for one in errors)
        )

    @admin.action(description="Abort", permissions=["change"])
    def abort(self, request: HttpRequest, chosen: QuerySet[Operation]) -> None:
        """Abort the operations chosen: what waits is cancelled, what runs ends."""
        for operation in chosen:
            try:
                operations.abort_operation(operation.id, namespace=None, now=clock.now())
            except SchedulerError as refusal:
                self.message_user(request, f"{operation}: {refusal.__doc__}", messages.ERROR)
                continue
            self.log_change(request, operation, "abort asked")
            self.message_user(request, f"{operation}: no further slot; what runs ends.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: operations are asked for through the API."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow the verb to whoever may change operations; an operation's own page is for looking."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the verbs without Django's own deletion of rows."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


def _shown(operation: Any) -> dict[str, Any]:
    return operation_as_json(operation, running=0, now=operation.looked_at)

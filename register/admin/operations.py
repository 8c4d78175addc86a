"""Operations in the console: looked at, and aborted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from register import operations
from register.admin.verbs import VerbsAdmin
from scheduler import clock, display
from scheduler.models import Operation
from scheduler.models.choices import OperationKind
from scheduler.operations_shown import operation_as_json
from scheduler.seats import scope_of


@admin.register(Operation)
class OperationAdmin(VerbsAdmin):
    """Rows that schedulers write."""

    scoped_by = "namespace"
    list_display = ("named", "task", "state", "progress", "created_at", "created_by")
    list_display_links = None
    list_filter = ("status", "kind")
    list_select_related = ("task",)
    ordering = ("-created_at", "id")
    fields = (
        "id", "kind", "task", "namespace", "state", "progress", "period", "total_count", "done_count", "failed_count",
        "skipped_count", "open_executions", "estimated_end", "failures", "created_at", "created_by", "started_at",
        "ended_at", "abort_requested_at",
    )  # fmt: skip
    readonly_fields = ("state", "progress", "period", "open_executions", "estimated_end", "failures")
    actions = ("abort",)

    @admin.display(description="what")
    def named(self, operation: Operation) -> str:
        """Lead to how it goes."""
        arguments = operation.arguments
        words = f"{arguments['action']} {arguments['on']}" if "action" in arguments else operation.get_kind_display()
        return format_html('<a href="{}">{}</a>', reverse("admin:operation", args=[operation.id]), words)

    @admin.display(description="state", ordering="status")
    def state(self, operation: Operation) -> str:
        """Show the status; of what is to end, since when."""
        asked = operation.abort_requested_at if operation.ended_at is None else None
        return display.state(operation.status) + (f", abort asked {display.absolute(asked)}" if asked else "")

    @admin.display(description="progress")
    def progress(self, operation: Any) -> str:
        """Show how much of it has come to an end."""
        return f"{100 * _shown(operation)['progress']:.0f} % of {operation.total_count or 0:,}"

    @admin.display(description="about")
    def period(self, operation: Any) -> str:
        """Show which slots it is about, or what is done to which rows."""
        arguments = _shown(operation)["arguments"]
        if operation.kind == OperationKind.BULK_ACTION:
            return f"{arguments['action']} {arguments['on']}"
        if operation.kind != OperationKind.BACKFILL:
            return ", ".join(f"{name}: {value}" for name, value in arguments.items())
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
            "",
            "{} {} {}<br>",
            ((one["slot"] or one["id"] or "", one["status"] or "", one["message"] or "") for one in errors),
        )

    @admin.action(description="Abort", permissions=["change"])
    def abort(self, request: HttpRequest, chosen: QuerySet[Operation]) -> None:
        """Abort the operations chosen: what waits is cancelled, what runs ends."""

        def verb(operation: Operation) -> str:
            operations.abort_operation(operation.id, namespace=scope_of(request), now=clock.now())
            return "takes no further slot; what runs ends"

        self.apply(request, verb, chosen, done="aborted")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: operations are asked for through the API."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


def _shown(operation: Any) -> dict[str, Any]:
    return operation_as_json(operation, running=0, now=operation.looked_at)

"""Flow control in the console: what is in force and planned, who asked for it and why; set, stopped and lifted."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from register import flow_control
from register.admin.flow_form import FlowForm
from register.admin.verbs import VerbsAdmin
from register.operators import actor_of
from scheduler import clock, display
from scheduler.connections import current
from scheduler.engine.explanations.flow import subject
from scheduler.engine.flow import FlowLimit, FlowMode, limits
from scheduler.engine.states import Reason
from scheduler.holding import by_reason
from scheduler.models import FlowControl
from scheduler.seats import scope_of

MOST_COUNTED = 10_000
FIELDS = (
    "mode", "confirmed", "reason", "max_dispatch_per_second", "max_concurrency", "queues", "task_classes",
    "namespaces", "starts_at", "expires_at",
)  # fmt: skip


@admin.register(FlowControl)
class FlowControlAdmin(VerbsAdmin):
    """All that was ever asked for, the latest first; above it what holds now."""

    form = FlowForm
    change_list_template = "admin/scheduler/flowcontrol/change_list.html"
    list_display = ("mode", "limits", "reason", "begins", "ends", "created_by")
    ordering = ("-starts_at", "-id")
    actions = ("withdraw",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a new one is made of, and of one that was asked for what it is."""
        if obj is not None:
            return self.list_display
        return FIELDS

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what no form changes: all of what was asked for."""
        return () if obj is None else self.list_display

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form; it knows who acts."""
        form: Any = FlowForm if obj is None else super().get_form(request, obj, change=change, **kwargs)
        return type("FlowForm", (form,), {"actor": actor_of(request), "scope": scope_of(request)})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with what is in force; a stop, or its lift, with nothing else."""
        mode = request.GET.get("mode")
        if mode in (FlowMode.PAUSED, FlowMode.NORMAL):
            return {"mode": mode, "queues": {}, "task_classes": {}, "namespaces": {}}
        standing = flow_control.find(bound_to=scope_of(request), now=clock.now())
        document = standing.current.document if standing.current is not None else {}
        return {
            "mode": standing.mode.value,
            "max_dispatch_per_second": document.get("maxDispatchPerSecond"),
            "max_concurrency": document.get("maxConcurrency"),
            "queues": document.get("queues", {}),
            "task_classes": document.get("taskClasses", {}),
            "namespaces": document.get("namespaces", {}),
        }

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Store nothing, which the form has done."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show what holds now above what was asked for."""
        scope = scope_of(request)
        standing = flow_control.find(bound_to=scope, now=clock.now())
        document = standing.current.document if standing.current is not None else {}
        context = {
            "title": "Flow control",
            "standing": standing,
            "limits": list(_lines(document)),
            "held": by_reason(current(), limit=MOST_COUNTED, namespace=scope).get(Reason.FLOW, 0),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; of others' namespaces nobody whose seat is bound to one sees the limits."""
        listed = super().get_changelist_instance(request)
        for row in listed.result_list:
            flow_control.narrowed(row, bound_to=scope_of(request))
        return listed

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> FlowControl | None:
        """Return one that was asked for, narrowed likewise."""
        row: FlowControl | None = super().get_object(request, object_id, from_field)
        return flow_control.narrowed(row, bound_to=scope_of(request)) if row is not None else None

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask what is to hold; one answer is enough."""
        context = {
            "title": "Set flow control",
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
        }
        return super().add_view(request, form_url, context | (extra_context or {}))

    @admin.display(description="mode")
    def mode(self, row: FlowControl) -> str:
        """Show the mode."""
        return str(row.document["mode"]).capitalize()

    @admin.display(description="limits")
    def limits(self, row: FlowControl) -> str:
        """Show what is limited to what."""
        return "; ".join(_lines(row.document)) or "none"

    @admin.display(description="begins", ordering="starts_at")
    def begins(self, row: Any) -> str:
        """Show when it begins, absolute and relative."""
        return display.moment(row.starts_at, row.looked_at)

    @admin.display(description="ends", ordering="expires_at")
    def ends(self, row: Any) -> str:
        """Show when it ends or has ended, or that it was replaced or called off."""
        if row.withdrawn_at is not None and row.withdrawn_at != row.expires_at:
            what = "called off" if row.withdrawn_at < row.starts_at else "replaced"
            return f"{what}, {display.absolute(row.withdrawn_at)}"
        return display.moment(row.expires_at, row.looked_at) if row.expires_at is not None else "with the next one"

    @admin.action(description="Call off", permissions=["change"])
    def withdraw(self, request: HttpRequest, chosen: QuerySet[FlowControl]) -> None:
        """Call off those that are planned."""

        def verb(row: FlowControl) -> str:
            flow_control.withdraw(row.id, bound_to=scope_of(request), now=clock.now())
            return "does not begin"

        self.apply(request, verb, chosen, done="called off")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what was in force stays to be seen."""
        return False


def _lines(document: dict[str, Any]) -> Iterator[str]:
    for key, limit in limits(document).items():
        yield f"{subject(key)}: {_words(limit)}"


def _words(limit: FlowLimit) -> str:
    if limit.is_paused:
        return "paused"
    rate = [f"{limit.per_second:g} a second"] if limit.per_second is not None else []
    places = [f"{limit.capacity:,} at once"] if limit.capacity is not None else []
    return ", ".join([*rate, *places])

"""Events in the console: what came, what it started, and sending one by hand."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from register import events
from register.admin.json_fields import DocumentField
from register.admin.service_form import ServiceAdmin, ServiceForm
from register.api.event_input import read_event
from scheduler import clock, display
from scheduler.models import Event
from scheduler.paging import SearchedAdmin


class EventForm(ServiceForm):
    """An event that somebody sends by hand."""

    name = forms.CharField(max_length=255, help_text="As tasks listen for it.")
    namespace = forms.CharField(
        max_length=100, required=False, help_text="Whose tasks hear of it; empty is all that you see."
    )
    payload = DocumentField(required=False, help_text='What the handlers are given: {"kind": "csv"}.')

    class Meta:
        model = Event
        fields = ("name", "namespace")

    def stored(self) -> Event:
        """Send it."""
        given = read_event({name: value for name, value in self.typed().items() if value is not None})
        return events.send_event(given, actor=self.actor, namespace=self.scope, now=clock.now())


@admin.register(Event)
class EventAdmin(SearchedAdmin, ServiceAdmin):
    """What has been received, the latest first."""

    form = EventForm
    scoped_by = "namespace"
    list_display = (
        "name",
        "namespace",
        "received",
        "state",
        "started_count",
        "skipped_count",
        "failed_count",
        "created_by",
    )
    search_fields = ("name",)
    search_help_text = "The whole name."
    ordering = ("-received_at", "id")

    def matching(self, term: str) -> Q:
        """Ask for the whole name."""
        return Q(name=term)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what an event is made of, and of one that came what became of it."""
        return ("name", "namespace", "payload") if obj is None else (*self.list_display, "sent", "executions", "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what no form changes: all of what came."""
        return () if obj is None else (*self.list_display, "sent", "executions", "id")

    @admin.display(description="received", ordering="received_at")
    def received(self, event: Any) -> str:
        """Show when it came, absolute and relative."""
        return display.moment(event.received_at, event.looked_at)

    @admin.display(description="state")
    def state(self, event: Event) -> str:
        """Show whether all who listen have been told."""
        return "✓\N{NO-BREAK SPACE}Done" if event.completed_at else "▶\N{NO-BREAK SPACE}Under way"

    @admin.display(description="payload")
    def sent(self, event: Event) -> str:
        """Show what came with it."""
        payload = event.payload if isinstance(event.payload, str) else json.dumps(event.payload)
        return format_html("<pre>{}</pre>", payload)

    @admin.display(description="executions")
    def executions(self, event: Event) -> str:
        """Show what it has started."""
        lines = (
            (reverse("admin:scheduler_execution_change", args=[one.id]), one.task.name, display.state(one.status))
            for one in events.executions_of(event)
        )
        return format_html_join("", '<a href="{}">{}</a> {}<br>', lines) or "none"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what came stays as it came."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

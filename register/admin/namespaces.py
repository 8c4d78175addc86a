"""Namespaces in the console: shares, secrets, retention and where failures are told."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from register import namespaces
from register.admin.json_fields import DocumentField
from register.admin.service_form import ServiceAdmin, ServiceForm
from register.api.namespace_input import LEAST_DAYS, MOST_DAYS, read_namespace_changes, read_new_namespace
from register.channels import in_words
from scheduler import clock
from scheduler.models import Namespace
from scheduler.seats import scope_of


class NamespaceForm(ServiceForm):
    """The settings of a namespace."""

    renamed = {"secretNames": "secret_names", "notifyChannel": "notify_channel", "retentionDays": "retention_days"}

    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 2}))
    weight = forms.IntegerField(initial=1, help_text="Its share of a backlog, relative to others; 1 to 100.")
    secret_names = forms.CharField(
        label="Secrets", required=False, help_text="Names of secrets that its tasks may use, one a line.",
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3}),
    )  # fmt: skip
    notify_channel = DocumentField(
        rows=3, label="Channel", required=False,
        help_text='Where failures of its tasks are told: {"kind": "EMAIL", "to": ["ops@example.org"]}, '
        '{"kind": "CHAT", "url": "https://…"} or {"kind": "WEBHOOK", "webhookId": "…"}.',
    )  # fmt: skip

    retention_days = forms.IntegerField(
        label="History is kept, days", required=False,
        help_text=f"{LEAST_DAYS} to {MOST_DAYS}; empty is as long as the installation keeps it. Lower values delete "
        "the older executions of its tasks.",
    )  # fmt: skip

    class Meta:
        model = Namespace
        fields = ("name", "weight", "description", "retention_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["secret_names"] = "\n".join(self.instance.secret_names or [])
        self.initial["notify_channel"] = self.instance.notify_channel

    def typed(self) -> dict[str, Any]:
        """Return what was typed, the secrets as a list."""
        values = super().typed()
        values["secretNames"] = [name for line in (values["secretNames"] or "").split("\n") if (name := line.strip())]
        return values

    def stored(self) -> Namespace:
        """Create or change it."""
        now = clock.now()
        if self.is_new:
            given = read_new_namespace(self.typed())
            return namespaces.create_namespace(given, actor=self.actor, bound_to=self.scope, now=now)
        given = read_namespace_changes(self.typed())
        return namespaces.change_namespace(
            self.instance.name, given, bound_to=self.scope, versions=self.versions, now=now
        )


@admin.register(Namespace)
class NamespaceAdmin(ServiceAdmin):
    """Those that have settings of their own; tasks may be in others, which have the defaults."""

    form = NamespaceForm
    scoped_by = "name"
    list_display = ("name", "weight", "description", "secrets", "told", "updated_at")
    search_fields = ("name",)
    ordering = ("name",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what is set, and of one that exists what became of it."""
        if not self.has_change_permission(request, obj) and obj is not None:
            return (*self.list_display, "retention_days", "version", "created_by")
        fields = ("name", "weight", "description", "secret_names", "notify_channel", "retention_days")
        return fields if obj is None else (*fields, "version", "created_by", "updated_at", "seen_version")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what no form changes: tasks, history and tokens carry its name."""
        return () if obj is None else ("name", "secrets", "told", "version", "created_by", "updated_at")

    def remove(self, request: HttpRequest, obj: Namespace) -> None:
        """Delete it where nothing is in it."""
        namespaces.delete_namespace(obj.name, bound_to=scope_of(request), now=clock.now())

    @admin.display(description="secrets")
    def secrets(self, namespace: Namespace) -> str:
        """Show which secrets its tasks may name."""
        return ", ".join(namespace.secret_names) or "none"

    @admin.display(description="failures are told")
    def told(self, namespace: Namespace) -> str:
        """Show where failures are told."""
        return in_words(namespace.notify_channel)

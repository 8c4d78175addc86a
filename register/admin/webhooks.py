"""Webhooks in the console: made, changed, tried, switched off and on; a secret is shown once, to whoever makes it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from register import webhooks
from register.admin.service_form import ServiceAdmin, ServiceForm
from register.admin.verbs import VerbsAdmin
from register.api.webhook_input import read_new_webhook, read_webhook_changes
from register.given import Given
from register.operators import said
from scheduler import clock, display
from scheduler.engine import urls
from scheduler.engine.webhooks import EVENTS, FAMILIES
from scheduler.errors import SchedulerError
from scheduler.models import Delivery, Webhook
from scheduler.seats import scope_of

DELIVERIES_SHOWN = 20
_SHOWN = (
    "namespace", "state", "failure_count", "failing_since", "not_before", "switched_off_at", "switched_off_reason",
    "told", "version", "created_at", "created_by", "updated_at", "id",
)  # fmt: skip


class WebhookForm(ServiceForm):
    """Who wants to be told, and of what."""

    url = forms.CharField(label="Address", widget=forms.TextInput(attrs={"class": "vLargeTextField", "type": "url"}))
    events = forms.MultipleChoiceField(
        choices=[(one, one) for one in (*FAMILIES, *EVENTS)], widget=forms.CheckboxSelectMultiple
    )
    namespace = forms.CharField(max_length=100, required=False, help_text="What it is told of; empty is all you see.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 2}))

    class Meta:
        model = Webhook
        fields = ("url", "events", "namespace", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_new and "url" in self.fields:
            # Its query may hold a key, which nobody is shown again.
            self.initial["url"] = ""
            self.fields["url"].required = False
            self.fields["url"].help_text = "Empty keeps the one that it has."

    def stored(self) -> Webhook:
        """Create or change it."""
        now, typed = clock.now(), self.typed()
        if typed.get("url") is None:
            typed.pop("url", None)
        if not self.is_new:
            given = read_webhook_changes(typed)
            return webhooks.change_webhook(
                self.instance.id, given, namespace=self.scope, versions=self.versions, now=now
            )
        if typed["namespace"] is None:
            del typed["namespace"]
        given = read_new_webhook(typed)
        webhook, secret = webhooks.create_webhook(given, actor=self.actor, namespace=self.scope, now=now)
        webhook.secret = secret  # type: ignore[attr-defined]  # for the answer alone
        return webhook


@admin.register(Webhook)
class WebhookAdmin(VerbsAdmin, ServiceAdmin):
    """Of a url the query is not shown: it may hold a key."""

    scoped_by = "namespace"
    list_display = ("address", "namespace", "events", "state", "failure_count", "created_by")
    list_filter = ("is_active",)
    ordering = ("-created_at", "id")
    readonly_fields = ()
    form = WebhookForm
    actions = ("send_test", "rotate", "switch_off", "switch_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the webhooks that are not deleted."""
        return super().get_queryset(request).filter(deleted_at=None)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a webhook is made of, and of one that exists what became of it."""
        if obj is None:
            return ("url", "events", "namespace", "description")
        return ("address", "url", "events", "description", *_SHOWN, "seen_version")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what no form changes."""
        return () if obj is None else ("address", *_SHOWN)

    @admin.display(description="address", ordering="url")
    def address(self, webhook: Webhook) -> str:
        """Show where it listens."""
        return urls.read_url(webhook.url).without_query

    @admin.display(description="state", ordering="is_active")
    def state(self, webhook: Any) -> str:
        """Show whether it is told anything, and since when it fails."""
        if not webhook.is_active:
            return "Off"
        since = webhook.failing_since
        return (
            format_html("⚠ Failing since {}", display.moment(since, webhook.looked_at)) if since is not None else "On"
        )

    @admin.display(description="latest deliveries")
    def told(self, webhook: Webhook) -> str:
        """Show the latest deliveries, and how the last try of each went."""
        latest = Delivery.objects.filter(webhook=webhook).order_by("-created_at", "id")[:DELIVERIES_SHOWN]
        lines = ((display.absolute(one.created_at), one.event, one.status, _last_error(one)) for one in latest)
        shown = format_html_join("", "{} {} {} {}<br>", lines) or "none"
        link = f"{reverse('admin:scheduler_delivery_changelist')}?q={webhook.id}"
        return format_html('{}<a href="{}">All deliveries</a>', shown, link)

    @admin.action(description="Send a test", permissions=["change"])
    def send_test(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> None:
        """Send the webhooks chosen a delivery that says nothing."""

        def verb(webhook: Webhook) -> str:
            delivery = webhooks.send_test(webhook.id, namespace=scope_of(request), now=clock.now())
            return f"is sent a test, delivery {delivery.id}"

        self.apply(request, verb, chosen, done="tried")

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> None:
        """Tell the webhooks chosen nothing more for now."""

        def verb(webhook: Webhook) -> str:
            self._switch(request, webhook, is_active=False)
            return "is switched off; what waits for it waits"

        self.apply(request, verb, chosen, done="switched off")

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> None:
        """Tell the webhooks chosen again, as if they had never failed."""

        def verb(webhook: Webhook) -> str:
            self._switch(request, webhook, is_active=True)
            return "is switched on"

        self.apply(request, verb, chosen, done="switched on")

    @admin.action(description="New secret", permissions=["change"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> HttpResponse | None:
        """Give one webhook a new secret, and show it this once."""
        some = list(chosen[:2])
        if len(some) != 1:
            self.message_user(request, "Choose one webhook: its secret is shown once.", messages.ERROR)
            return None
        try:
            webhook, secret = webhooks.rotate_secret(some[0].id, namespace=scope_of(request), now=clock.now())
        except SchedulerError as refusal:
            self.message_user(request, said(refusal), messages.ERROR)
            return None
        return self._secret(request, webhook, secret)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret, in this answer only: a message would wait in a cookie or in the session."""
        return self._secret(request, obj, obj.secret)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow whoever may change webhooks."""
        return request.user.has_perm("scheduler.change_webhook")

    def remove(self, request: HttpRequest, obj: Webhook) -> None:
        """Tell it nothing more."""
        webhooks.delete_webhook(obj.id, namespace=scope_of(request), now=clock.now())

    def _secret(self, request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"opts": self.opts, "title": "The secret of a webhook"}
        shown = {"address": self.address(webhook), "secret": secret}
        return TemplateResponse(request, "admin/scheduler/webhook/secret.html", context | shown)

    def _switch(self, request: HttpRequest, webhook: Webhook, *, is_active: bool) -> None:
        given = Given({"is_active": is_active})
        webhooks.change_webhook(webhook.id, given, namespace=scope_of(request), now=clock.now())


def _last_error(delivery: Delivery) -> str:
    return (delivery.attempts[-1]["error"] or "") if delivery.attempts else ""

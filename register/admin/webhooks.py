"""Webhooks in the console: looked at, tried, switched off and on. They are made through the API."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from register import webhooks
from register.admin.verbs import VerbsAdmin
from register.given import Given
from scheduler import clock, display
from scheduler.engine import urls
from scheduler.models import Delivery, Webhook

DELIVERIES_SHOWN = 20


@admin.register(Webhook)
class WebhookAdmin(VerbsAdmin):
    """Of a url the query is not shown: it may hold a key."""

    list_display = ("address", "namespace", "events", "state", "failure_count", "created_by")
    list_filter = ("is_active",)
    ordering = ("-created_at", "id")
    fields = (
        "address", "description", "namespace", "events", "state", "failure_count", "failing_since", "not_before",
        "switched_off_at", "switched_off_reason", "told", "version", "created_at", "created_by", "updated_at", "id",
    )  # fmt: skip
    readonly_fields = ("address", "state", "told", "id")
    actions = ("send_test", "switch_off", "switch_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the webhooks that are not deleted."""
        return super().get_queryset(request).filter(deleted_at=None)

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
        return f"⚠ Failing since {display.moment(since, webhook.looked_at)}" if since is not None else "On"

    @admin.display(description="latest messages")
    def told(self, webhook: Webhook) -> str:
        """Show the latest messages, and how the last try of each went."""
        latest = Delivery.objects.filter(webhook=webhook).order_by("-created_at", "id")[:DELIVERIES_SHOWN]
        lines = ((display.absolute(one.created_at), one.event, one.status, _last_error(one)) for one in latest)
        return format_html_join("", "{} {} {} {}<br>", lines) or "none"

    @admin.action(description="Send a test", permissions=["change"])
    def send_test(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> None:
        """Send the webhooks chosen a message that says nothing."""

        def verb(webhook: Webhook) -> str:
            delivery = webhooks.send_test(webhook.id, namespace=None, now=clock.now())
            return f"is sent a test, message {delivery.id}"

        self.apply(request, verb, chosen, done="tried")

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> None:
        """Tell the webhooks chosen nothing more for now."""

        def verb(webhook: Webhook) -> str:
            self._switch(webhook, is_active=False)
            return "is switched off; what waits for it waits"

        self.apply(request, verb, chosen, done="switched off")

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: QuerySet[Webhook]) -> None:
        """Tell the webhooks chosen again, as if they had never failed."""

        def verb(webhook: Webhook) -> str:
            self._switch(webhook, is_active=True)
            return "is switched on"

        self.apply(request, verb, chosen, done="switched on")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: webhooks are made through the API."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: they are deleted through the API."""
        return False

    def _switch(self, webhook: Webhook, *, is_active: bool) -> None:
        webhooks.change_webhook(webhook.id, Given({"is_active": is_active}), namespace=None, now=clock.now())


def _last_error(delivery: Delivery) -> str:
    return (delivery.attempts[-1]["error"] or "") if delivery.attempts else ""

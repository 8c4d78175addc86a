"""What webhooks are told, delivery by delivery: how each try went, and once more."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from register import webhooks
from register.admin.verbs import VerbsAdmin
from scheduler import clock, display
from scheduler.engine import urls
from scheduler.models import Delivery
from scheduler.models.webhook import DeliveryStatus
from scheduler.paging import SearchedAdmin
from scheduler.seats import scope_of

_SIGNS = {DeliveryStatus.PENDING: "◷", DeliveryStatus.DELIVERED: "✓", DeliveryStatus.FAILED: "✗"}


@admin.register(Delivery)
class DeliveryAdmin(SearchedAdmin, VerbsAdmin):
    """The deliveries of all webhooks, the latest first."""

    scoped_by = "webhook__namespace"
    list_display = ("made", "address", "event", "state", "attempt_count", "last_try")
    list_filter = ("status",)
    list_select_related = ("webhook",)
    search_fields = ("webhook__id",)
    search_help_text = "The id of a webhook, or of what the delivery tells of."
    ordering = ("-created_at", "id")
    fields = ("made", "address", "event", "subject", "state", "attempt_count", "tries", "next_try", "told", "id")
    readonly_fields = fields
    actions = ("replay",)

    def matching(self, term: str) -> Q:
        """Ask for the webhook, else for the whole subject."""
        return Q(webhook_id=term) if self.is_id(term) else Q(subject=term)

    @admin.display(description="made", ordering="created_at")
    def made(self, delivery: Any) -> str:
        """Show when it was made."""
        return display.moment(delivery.created_at, delivery.looked_at)

    @admin.display(description="webhook")
    def address(self, delivery: Delivery) -> str:
        """Lead to the webhook; of its url the query is not shown."""
        link = reverse("admin:scheduler_webhook_change", args=[delivery.webhook_id])
        return format_html('<a href="{}">{}</a>', link, urls.read_url(delivery.webhook.url).without_query)

    @admin.display(description="state", ordering="status")
    def state(self, delivery: Delivery) -> str:
        """Show how it stands."""
        return f"{_SIGNS.get(DeliveryStatus(delivery.status), '•')}\N{NO-BREAK SPACE}{delivery.status.capitalize()}"

    @admin.display(description="last try")
    def last_try(self, delivery: Delivery) -> str:
        """Show how the last try went."""
        if not delivery.attempts:
            return ""
        last = delivery.attempts[-1]
        return str(last["error"] or last["status"] or "")

    @admin.display(description="next try")
    def next_try(self, delivery: Any) -> str:
        """Show when it is tried next."""
        if delivery.status != DeliveryStatus.PENDING:
            return "never"
        return display.moment(delivery.next_attempt_at, delivery.looked_at)

    @admin.display(description="tries")
    def tries(self, delivery: Delivery) -> str:
        """Show each of the latest tries."""
        lines = (
            (one["at"], one["status"] or "", one["error"] or "", display.took(one["durationMs"] or 0))
            for one in delivery.attempts
        )
        return format_html_join("", "{} {} {} {}<br>", lines) or "none"

    @admin.display(description="body")
    def told(self, delivery: Delivery) -> str:
        """Show what it says."""
        return format_html("<pre>{}</pre>", delivery.body)

    @admin.action(description="Send again", permissions=["change"])
    def replay(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Send the deliveries chosen again, under their own ids."""

        def verb(delivery: Delivery) -> str:
            webhooks.replay(delivery.webhook_id, delivery.id, namespace=scope_of(request), now=clock.now())
            return "is sent again"

        self.apply(request, verb, chosen, done="sent again")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: the platform makes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: retention deletes them."""
        return False

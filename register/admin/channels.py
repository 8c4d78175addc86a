"""Notifications in the console: what waits to be told by which channel, and how telling goes."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from register.channels import in_words
from scheduler import display
from scheduler.models import Channel, Notice
from scheduler.paging import ReadOnlyAdmin


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin):
    """Channels that have something to tell, or had; a namespace or a task says which there are."""

    scoped_by = "namespace"
    list_display = ("address", "namespace", "state", "waiting", "next_message", "last_message")
    ordering = ("namespace", "key")
    fields = (*list_display, "last_error")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the channels with how much each has to tell."""
        waiting = Notice.objects.filter(channel_key=OuterRef("pk")).order_by().values("channel_key")
        count = Subquery(waiting.annotate(n=Count("*")).values("n"), output_field=IntegerField())
        return super().get_queryset(request).annotate(notice_count=Coalesce(count, 0))

    @admin.display(description="channel")
    def address(self, channel: Channel) -> str:
        """Show where it leads."""
        return in_words(channel.channel)

    @admin.display(description="state")
    def state(self, channel: Channel) -> str:
        """Show whether the last try went well."""
        if not channel.failure_count:
            return "✓\N{NO-BREAK SPACE}Well"
        return f"✗\N{NO-BREAK SPACE}Failed {channel.failure_count} times in a row: {(channel.last_error or '')[:120]}"

    @admin.display(description="waiting")
    def waiting(self, channel: Any) -> int:
        """Show how much it has to tell."""
        return int(channel.notice_count)

    @admin.display(description="next message", ordering="next_at")
    def next_message(self, channel: Any) -> str:
        """Show when the next message goes out."""
        return display.moment(channel.next_at, channel.looked_at) if channel.next_at else "nothing to tell"

    @admin.display(description="last message", ordering="last_sent_at")
    def last_message(self, channel: Any) -> str:
        """Show when the last message went out."""
        return display.moment(channel.last_sent_at, channel.looked_at) if channel.last_sent_at else "never"

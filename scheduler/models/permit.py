"""What limits work under one key: how much at once, how much in a second, and whether anything goes at all."""

from django.db import models
from django.db.models import Q


class Permit(models.Model):
    """`key` is all, queue:<name>, class:<name> or namespace:<name>; only limited keys have a row.

    An execution takes one unit of each when it is admitted and frees it when it ends (`scheduler.permits`). Of a
    `rate` it takes a token, which nobody gives back: so many come by themselves each second. While something waits
    for tokens nothing passes it by: it goes by priority (`scheduler.throttles`).
    """

    key = models.CharField(max_length=300, primary_key=True)
    capacity = models.IntegerField(null=True, blank=True, help_text="So many at once; NULL is any number.")
    used = models.IntegerField(default=0, db_default=0)
    rate = models.FloatField(null=True, blank=True, help_text="So many in a second; NULL is any number.")
    burst = models.FloatField(null=True, blank=True, help_text="The most tokens that it saves up.")
    tokens = models.FloatField(default=0, db_default=0, help_text="Those that were there at refilled_at.")
    refilled_at = models.DateTimeField(null=True, blank=True)
    is_paused = models.BooleanField(default=False, db_default=False, help_text="Nothing goes.")
    has_waiting = models.BooleanField(default=False, db_default=False, help_text="Executions are held by it.")

    class Meta:
        db_table = "scheduler_permits"
        indexes = [
            models.Index(
                fields=["key"], condition=Q(is_paused=True) | Q(has_waiting=True), name="scheduler_permits_holding"
            )
        ]

    def __str__(self) -> str:
        return self.key

"""Leases that one node at a time holds. `scheduler.leases` writes them."""

from django.db import models


class Lease(models.Model):
    name = models.CharField(max_length=100, primary_key=True)
    holder = models.UUIDField(null=True, blank=True)
    epoch = models.BigIntegerField(default=0, help_text="Grows when the holder changes.")
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "scheduler_leases"

    def __str__(self) -> str:
        return self.name

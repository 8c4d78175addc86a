"""A limit on what runs at once under one key, and how much of it is taken."""

from django.db import models


class Permit(models.Model):
    """`key` is all, queue:<name>, class:<name> or namespace:<name>; only limited keys have a row.

    An execution takes one unit of each when it is admitted and frees it when it ends (`scheduler.permits`).
    """

    key = models.CharField(max_length=300, primary_key=True)
    capacity = models.IntegerField()
    used = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "scheduler_permits"

    def __str__(self) -> str:
        return self.key

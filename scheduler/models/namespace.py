"""A namespace: the unit of access control and of fair sharing; one that has no row has the defaults."""

from django.db import models


class Namespace(models.Model):
    name = models.CharField(max_length=100, primary_key=True)
    weight = models.IntegerField(default=1, db_default=1, help_text="Its share of a backlog, relative to others.")

    class Meta:
        db_table = "scheduler_namespaces"
        constraints = [
            models.CheckConstraint(condition=models.Q(weight__range=(1, 100)), name="scheduler_namespaces_weight"),
        ]

    def __str__(self) -> str:
        return self.name

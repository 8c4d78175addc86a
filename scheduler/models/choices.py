"""The stored words of the columns, each with the text that people read."""

from enum import StrEnum

from django.db import models


def choices(words: type[StrEnum]) -> list[tuple[str, str]]:
    """Return Django choices for the words of `scheduler.engine`, which may not know Django."""
    return [(word.value, word.value.replace("_", " ").capitalize()) for word in words]


class MisfirePolicy(models.TextChoices):
    FIRE_ONCE = "FIRE_ONCE"
    FIRE_ALL = "FIRE_ALL"
    SKIP = "SKIP"


class OverlapPolicy(models.TextChoices):
    ALLOW = "ALLOW"
    SKIP = "SKIP"
    QUEUE = "QUEUE"
    CANCEL_RUNNING = "CANCEL_RUNNING"


class IntervalMode(models.TextChoices):
    FIXED_RATE = "FIXED_RATE"
    FIXED_DELAY = "FIXED_DELAY"


class OperationKind(models.TextChoices):
    BACKFILL = "BACKFILL"
    BULK_ACTION = "BULK_ACTION"


class OperationStatus(models.TextChoices):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    FAILED = "FAILED"


class Role(models.TextChoices):
    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"


class NodeRole(models.TextChoices):
    SCHEDULER = "scheduler"
    WORKER = "worker"
    WEB = "web"

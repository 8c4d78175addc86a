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
    CATCH_UP = "CATCH_UP"


class OperationStatus(models.TextChoices):
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    HELD = "HELD"
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


class Via(models.TextChoices):
    """The way by which somebody acts; names of tokens and users are free texts, and may be alike."""

    API = "API"
    CONSOLE = "CONSOLE"
    COMMAND = "COMMAND"
    PLATFORM = "PLATFORM"


class AuditKind(models.TextChoices):
    """What an audit record is about."""

    TASK = "task"
    EXECUTION = "execution"
    OPERATION = "operation"
    CALENDAR = "calendar"
    TEMPLATE = "template"
    NAMESPACE = "namespace"
    FLOW_CONTROL = "flow-control"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    CONSOLE = "console"
    REQUEST = "request"
    EVENT = "event"
    WEBHOOK = "webhook"
    CIRCUIT = "circuit"


class AuditVerb(models.TextChoices):
    """What was done; a request that was refused has the method's name."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    RESTORE = "restore"
    TRIGGER = "trigger"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    BACKFILL = "backfill"
    ABORT = "abort"
    CANCEL = "cancel"
    RETRY = "retry"
    REVOKE = "revoke"
    ROTATE = "rotate"
    SEND = "send"
    SWITCH_OFF = "switch_off"
    RESET = "reset"
    REFUSED = "refused"

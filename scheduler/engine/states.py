"""The one table of an execution's states and of every arrow between them."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """State of one execution."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"
    LOST = "LOST"
    SKIPPED = "SKIPPED"


class TaskStatus(StrEnum):
    """State of one task; COMPLETED means that no further slot will come."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    DELETED = "DELETED"


class Trigger(StrEnum):
    """What turned a slot, an event or a request into an execution."""

    SCHEDULE = "SCHEDULE"
    CATCH_UP = "CATCH_UP"
    MANUAL = "MANUAL"
    RETRY = "RETRY"
    EVENT = "EVENT"
    DEPENDENCY = "DEPENDENCY"
    BACKFILL = "BACKFILL"


class Reason(StrEnum):
    """Why an execution is held or was skipped."""

    OVERLAP = "overlap"
    CALENDAR = "calendar"
    MISFIRE = "misfire"
    PAUSED = "paused"
    REQUESTED = "requested"
    THROTTLE = "throttle"
    SHED = "shed"
    CIRCUIT = "circuit"
    LIMIT = "limit"
    FLOW = "flow"
    DEPENDENCY = "dependency"
    DELETED = "deleted"
    RETRY = "retry"
    JITTER = "jitter"
    TASK_BACKOFF = "task_backoff"
    CLASS_BACKOFF = "class_backoff"
    CATCH_UP = "catch_up"


# What is held by a key (`held_by`) and goes, the most urgent first, as fast as the key lets it.
GATED = frozenset({Reason.FLOW, Reason.THROTTLE, Reason.CIRCUIT})
# Why an execution may be SCHEDULED.
HOLDING = (
    Reason.OVERLAP, Reason.LIMIT, Reason.FLOW, Reason.THROTTLE, Reason.CIRCUIT, Reason.DEPENDENCY, Reason.RETRY,
    Reason.TASK_BACKOFF, Reason.CLASS_BACKOFF, Reason.CATCH_UP, Reason.JITTER,
)  # fmt: skip
OPEN = frozenset({Status.SCHEDULED, Status.QUEUED, Status.RUNNING})
FINAL = frozenset(Status) - OPEN


@dataclass(frozen=True, slots=True)
class Arrow:
    """One permitted change: `source` None is the row's birth; `actor` is the room that makes it."""

    verb: str
    source: Status | None
    target: Status
    actor: str
    when: str


ARROWS: tuple[Arrow, ...] = (
    Arrow("admit", None, Status.QUEUED, "claim", "a slot is due, or somebody asked, and nothing holds it"),
    Arrow("hold", None, Status.SCHEDULED, "claim", "a slot waits for its turn; also every retry"),
    Arrow("skip", None, Status.SKIPPED, "claim", "a slot, or a range of slots, does not run; the reason says why"),
    Arrow("release", Status.SCHEDULED, Status.QUEUED, "release", "not_before has come and nothing holds it any more"),
    Arrow("hold again", Status.SCHEDULED, Status.SCHEDULED, "release", "something still holds it: later not_before"),
    Arrow(
        "skip",
        Status.SCHEDULED,
        Status.SKIPPED,
        "release",
        "what it depends on cannot come about any more, or another execution, or a circuit, is open once it has",
    ),
    Arrow("cancel", Status.SCHEDULED, Status.CANCELLED, "register", "cancelled, or its task was deleted"),
    Arrow("cancel", Status.QUEUED, Status.CANCELLED, "register", "cancelled, or its task was deleted"),
    Arrow("start", Status.QUEUED, Status.RUNNING, "worker", "a worker won the row: node, lease and fence are set"),
    Arrow(
        "hand back",
        Status.RUNNING,
        Status.QUEUED,
        "worker",
        "won but not begun: a long one is before it, its child died, the worker drains or lacks the class",
    ),
    Arrow("succeed", Status.RUNNING, Status.SUCCESS, "worker", "the handler returned"),
    Arrow("fail", Status.RUNNING, Status.FAILED, "worker", "the handler raised, or no worker has its class"),
    Arrow(
        "time out", Status.RUNNING, Status.TIMED_OUT, "worker", "the soft limit was raised, or the hard one killed it"
    ),
    Arrow("cancel", Status.RUNNING, Status.CANCELLED, "worker", "asked, terminated or killed on request"),
    Arrow("lose", Status.RUNNING, Status.LOST, "sweep", "its lease ran out, or its process died"),
)

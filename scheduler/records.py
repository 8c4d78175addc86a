"""What passes between the rooms that write history: plain values, no behaviour.

Those that are made for each firing, or each end, are not frozen, and made by position: both together cost a ninth of
the time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from scheduler.engine.states import Reason, Status, Trigger


@dataclass(slots=True)
class NewExecution:
    """A row to be born; `not_before` and `reason` explain SCHEDULED and SKIPPED; `sla` is `engine.sla.promised`."""

    id: UUID
    task_id: UUID
    cause: str
    attempt: int
    trigger: Trigger
    status: Status
    scheduled_for: datetime
    due_at: datetime
    namespace: str
    queue: str
    priority: int
    timeout_seconds: int
    revision: int
    reason: Reason | str | None = None
    scheduled_until: datetime | None = None
    slot_count: int | None = None
    not_before: datetime | None = None
    task_data: str | None = None
    run_id: UUID | None = None
    held_by: str | None = None
    sla: Mapping[str, Any] | None = None


class Started(NamedTuple):
    """What a worker needs to run the execution that it has won; a tuple, for one is made of each row, and changed."""

    id: UUID
    task_id: UUID
    task_name: str
    namespace: str
    task_class: str
    task_data: str | None
    fence: int
    attempt: int
    trigger: Trigger
    scheduled_for: datetime
    run_id: UUID | None
    timeout_seconds: int
    lacked_by: str | None
    started_at: datetime
    time_zone: str = "UTC"
    cause: str = ""


@dataclass(slots=True)
class Outcome:
    """How a running execution ended; `fence` proves that the writer still owns it; `ended_at` None: when written.

    `started_at` is given where it began later than it was won. With `has_texts` the row has result and error message
    already (`scheduler.transitions.keep_texts`).
    """

    id: UUID
    fence: int
    status: Status
    ended_at: datetime | None = None
    result: str | None = None
    error_message: str | None = None
    reason: str | None = None
    is_permanent: bool = False
    started_at: datetime | None = None
    has_texts: bool = False


@dataclass(slots=True)
class Ended:
    """A row that has just become final, with what its follow-ups need."""

    id: UUID
    task_id: UUID
    status: Status
    attempt: int
    cause: str
    scheduled_for: datetime
    due_at: datetime
    namespace: str
    queue: str
    priority: int
    task_data: str | None
    run_id: UUID | None
    started_at: datetime
    ended_at: datetime
    is_permanent: bool
    sla: str | None = None
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A row that was cancelled before it started; what waited for its turn did not make its task busy."""

    id: UUID
    task_id: UUID
    attempt: int
    cause: str
    scheduled_for: datetime
    run_id: UUID | None
    queue: str
    namespace: str
    was_queued: bool
    made_busy: bool


@dataclass(slots=True)
class Ready:
    """A QUEUED row on its way to the broker; how long it runs, where that is known (`scheduler.engine.bundles`)."""

    id: UUID
    queue: str
    priority: int
    timeout_seconds: int
    expected_ms: float | None = None


@dataclass(slots=True)
class DueTask:
    """A locked task as the claim reads it."""

    id: UUID
    namespace: str
    queue: str
    priority: int
    timeout_seconds: int
    version: int
    status: str
    cron_expression: str | None
    time_zone: str
    interval_seconds: int | None
    interval_mode: str
    anchor_at: datetime | None
    run_at: datetime | None
    start_at: datetime | None
    end_at: datetime | None
    jitter_seconds: int
    calendar_policy: str
    calendar_rules: str | None
    calendar_version: int | None
    misfire_policy: str
    misfire_grace_seconds: int
    catch_up_limit: int
    overlap_policy: str
    max_concurrency: int | None
    open_count: int
    task_class: str
    next_slot_for: datetime | None
    last_slot_for: datetime | None = None
    skip_slots: list[datetime] | None = None
    claim_at: datetime | None = None
    has_dependencies: bool = False
    has_dependents: bool = False
    expected_ms: float | None = None
    sla: str | None = None
    flex_seconds: int = 0
    flex_for: datetime | None = None
    flex_ms: int | None = None
    uses: list[str] | None = None
    circuit_policy: str = "WAIT"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A locked execution as those read it who cancel it or try it again."""

    id: UUID
    task_id: UUID
    status: Status
    attempt: int
    cause: str
    scheduled_for: datetime
    due_at: datetime
    task_data: str | None
    run_id: UUID | None
    sla: str | None


@dataclass(frozen=True, slots=True)
class Promising:
    """A locked execution under an SLA whose time to be looked at has come."""

    sla: dict[str, Any]
    status: Status
    id: UUID
    task_id: UUID
    namespace: str
    cause: str
    attempt: int
    trigger: str
    reason: str | None
    scheduled_for: datetime
    due_at: datetime
    start_time: datetime | None
    end_time: datetime | None
    slot_count: int | None


@dataclass(frozen=True, slots=True)
class EndingTask:
    """A locked task as the follow-ups of its executions read it."""

    id: UUID
    status: str
    version: int
    timeout_seconds: int
    max_retry_count: int
    retry_policy: str
    retry_on: str
    overlap_policy: str
    interval_mode: str
    max_concurrency: int | None
    task_class: str
    auto_pause_after_failures: int | None
    has_dependents: bool
    uses: list[str]


@dataclass(frozen=True, slots=True)
class Held:
    """A locked SCHEDULED row whose time has come, with its task's rule for overlaps."""

    id: UUID
    task_id: UUID
    trigger: Trigger
    reason: str | None
    due_at: datetime
    scheduled_for: datetime
    queue: str
    namespace: str
    task_class: str
    overlap_policy: str
    max_concurrency: int | None
    priority: int
    uses: list[str]


@dataclass(slots=True)
class Gate:
    """What is left of one limited key, locked: places (None: any number) and tokens of its rate (None: it has none).

    While something waits for its tokens (`has_waiting`) nothing new passes it by. `is_probing` is that of a half-open
    circuit, which has one token, and gets no other.
    """

    places: int | None
    tokens: float | None
    is_paused: bool
    has_waiting: bool
    is_probing: bool = False

    @property
    def is_kept(self) -> bool:
        """Tell whether its tokens are for what waits; a probe is chosen among that, in one place."""
        return self.has_waiting or self.is_probing


@dataclass(frozen=True, slots=True)
class Flowing:
    """Executions that flow control holds and may let go, by which `open_keys`; what decides on them."""

    open_keys: Collection[str]
    executions: Sequence[UUID]
    tasks: Collection[UUID]
    keys: Collection[str]


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A locked SCHEDULED row whose slot waits for what its task's upstreams come to."""

    id: UUID
    task_id: UUID
    run_id: UUID | None
    trigger: Trigger
    due_at: datetime
    scheduled_for: datetime
    queue: str
    namespace: str
    priority: int

    @property
    def is_of_backfill(self) -> bool:
        """Tell whether a backfill runs the slot."""
        return self.trigger is Trigger.BACKFILL


@dataclass(frozen=True, slots=True)
class Admitted:
    """What becomes of a row whose dependencies are met: QUEUED, or held again for `reason`."""

    id: UUID
    status: Status
    reason: Reason | None
    not_before: datetime | None
    held_by: str | None


@dataclass(frozen=True, slots=True)
class HeldFor:
    """What holds a SCHEDULED row from now on; one with a key goes when that lets it, and is not looked at again."""

    id: UUID
    reason: Reason
    held_by: str | None
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class UpstreamEnd:
    """A slot that has come to its end: whose dependents are to be looked at, and in which run."""

    task_id: UUID
    run_id: UUID
    scheduled_for: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Which of them the verb was done to, which refused it and why, and what is to be published.

    The rest was so already.
    """

    done: Collection[UUID] = ()
    refused: dict[UUID, str] = field(default_factory=dict)
    ready: Sequence[Ready] = ()

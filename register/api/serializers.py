"""The request bodies of the write API: which fields there are, of which type and within which bounds."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError

from register.api.documents import CalendarDocument
from register.api.fields import (
    CronText,
    Flag,
    Identifier,
    Instant,
    Items,
    Key,
    Labels,
    Line,
    Number,
    Records,
    RequestKey,
    TaskData,
    Text,
    TimeOfDay,
    Whole,
    Word,
    Zone,
)
from register.api.listener_input import Listeners
from register.api.notify_input import Notifications
from register.api.strict import Strict
from register.names import KEY_MAX_LENGTH
from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.circuits import CircuitPolicy
from scheduler.engine.retry import (
    BACKOFFS,
    DEFAULT_DELAY_SECONDS,
    DEFAULT_MAX_DELAY_SECONDS,
    RETRYABLE,
    RetryPolicy,
)
from scheduler.engine.schedules import MAX_LENGTH
from scheduler.engine.workflows import Condition, Mode
from scheduler.models.choices import IntervalMode, MisfirePolicy, OverlapPolicy

DAY_SECONDS = 86_400
LONGEST_SECONDS = 8 * DAY_SECONDS
LONGEST_JITTER_SECONDS = DAY_SECONDS
LONGEST_INTERVAL_SECONDS = 3_660 * DAY_SECONDS
LONGEST_GRACE_SECONDS = 366 * DAY_SECONDS
MOST_RETRIES = 1_000
MOST_CAUGHT_UP = 1_000
MOST_AT_ONCE = 10_000
MOST_FAILURES = 1_000
MOST_PREVIEWED = 100
MOST_PARALLEL = 100
MOST_UPSTREAMS = 100
MOST_LISTENED_TO = 20
MOST_USED = 20
MOST_NOTIFIED = 10
# There are fewer, and each may stand there more than once.
MOST_OUTCOMES = 20
PAUSE_REASON_MAX_LENGTH = 1_000

# Housekeeping travels in it, ahead of everything: users' tasks there would hold it up.
RESERVED_QUEUES = frozenset({"platform"})

# Values that have been accepted once, of each field, and are not looked at again.
MOST_ACCEPTED = 10_000
# Blanks around a value are cut off: what is accepted may have come as a megabyte.
LONGEST_ACCEPTED = 255
_OF_ONE_TASK = frozenset({"name", "description", "taskData"})


class RetryPolicyInput(Strict):
    """How long to wait before a failed attempt is tried again; given as a whole, what it leaves out is the default."""

    backoff = Word(BACKOFFS, default="EXPONENTIAL")
    delaySeconds = Number(min_value=0, max_value=LONGEST_SECONDS, default=DEFAULT_DELAY_SECONDS)
    maxDelaySeconds = Number(min_value=0, max_value=LONGEST_SECONDS, default=DEFAULT_MAX_DELAY_SECONDS)
    jitter = Flag(default=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return RetryPolicy.from_json(super().to_internal_value(data)).as_json()


class SlaInput(Strict):
    """What a task promises of each slot; given as a whole."""

    maxLatenessSeconds = Whole(min_value=1, max_value=LONGEST_SECONDS, allow_null=True, default=None)
    maxDurationSeconds = Whole(min_value=1, max_value=LONGEST_SECONDS, allow_null=True, default=None)
    deadlineAt = TimeOfDay(
        allow_null=True, default=None, help_text="HH:MM in timeZone: the first such time after the slot."
    )

    default_error_messages = {
        "required": "Give one at least of maxLatenessSeconds, maxDurationSeconds and deadlineAt, or null for no SLA."
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = dict.fromkeys(self.fields) | super().to_internal_value(data)  # a change has no defaults
        if all(value is None for value in values.values()):
            raise ValidationError(self.error_messages["required"], code="required")
        return values


class Outcomes(Items):
    """Outcomes that are tried again; naming one twice says no more than naming it once."""

    child = Word(sorted(RETRYABLE))

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class Services(Items):
    """Names of services that a task calls; naming one twice says no more than naming it once."""

    child = Key(max_length=KEY_MAX_LENGTH)

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class DependencyInput(Strict):
    """One task to wait for, by id or by name in the same namespace, and what its slot has to come to."""

    taskId = Identifier(source="task_id", allow_null=True, required=False)
    name = Line(max_length=255, allow_null=True, required=False)
    condition = Word([condition.value for condition in Condition], required=False, help_text="Default: SUCCESS.")

    default_error_messages = {"required": "Say which task: by taskId, or by name."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if values.get("task_id") is None and values.get("name") is None:
            raise ValidationError(self.error_messages["required"], code="required")
        return {"condition": Condition.SUCCESS.value} | values  # in a change of a task too, which has no defaults


class Dependencies(Items):
    """The tasks to wait for, in the order in which they count where two have the same pace."""

    child = DependencyInput()


class TaskInput(Strict):
    """A task's definition; each field's `source` is its column."""

    name = Line(max_length=255)
    namespace = Key(max_length=KEY_MAX_LENGTH, required=False)
    description = Text(max_length=10_000, allow_null=True, allow_blank=True, trim_whitespace=False, required=False)
    taskClass = Line(max_length=255, source="task_class")
    allowUnknownTaskClass = Flag(source="allow_unknown_task_class", required=False)
    taskData = TaskData(source="task_data", allow_null=True, required=False)

    cronExpression = CronText(source="cron_expression", max_length=MAX_LENGTH, allow_null=True, required=False)
    timeZone = Zone(source="time_zone", max_length=64, required=False)
    intervalSeconds = Whole(
        source="interval_seconds", min_value=1, max_value=LONGEST_INTERVAL_SECONDS, allow_null=True, required=False
    )
    intervalMode = Word(IntervalMode.values, source="interval_mode", required=False)
    runAt = Instant(source="run_at", allow_null=True, required=False)
    startAt = Instant(source="start_at", allow_null=True, required=False)
    endAt = Instant(source="end_at", allow_null=True, required=False)

    jitterSeconds = Whole(source="jitter_seconds", min_value=0, max_value=LONGEST_JITTER_SECONDS, required=False)
    flexSeconds = Whole(source="flex_seconds", min_value=0, max_value=LONGEST_JITTER_SECONDS, required=False)
    calendar = Line(source="calendar_name", max_length=100, allow_null=True, required=False)
    calendarPolicy = Word([policy.value for policy in CalendarPolicy], source="calendar_policy", required=False)

    misfirePolicy = Word(MisfirePolicy.values, source="misfire_policy", required=False)
    misfireGraceSeconds = Whole(
        source="misfire_grace_seconds", min_value=0, max_value=LONGEST_GRACE_SECONDS, required=False
    )
    catchUpLimit = Whole(source="catch_up_limit", min_value=1, max_value=MOST_CAUGHT_UP, required=False)
    overlapPolicy = Word(OverlapPolicy.values, source="overlap_policy", required=False)
    maxConcurrency = Whole(
        source="max_concurrency", min_value=1, max_value=MOST_AT_ONCE, allow_null=True, required=False
    )
    autoPauseAfterFailures = Whole(
        source="auto_pause_after_failures", min_value=1, max_value=MOST_FAILURES, allow_null=True, required=False
    )
    priority = Whole(min_value=1, max_value=10, required=False)
    queue = Key(max_length=KEY_MAX_LENGTH, reserved=RESERVED_QUEUES, required=False)

    dependencies = Dependencies(source="upstreams", max_length=MOST_UPSTREAMS, required=False)
    dependencyMode = Word([mode.value for mode in Mode], source="dependency_mode", required=False)
    listensTo = Listeners(source="listens_to", max_length=MOST_LISTENED_TO, required=False)
    uses = Services(max_length=MOST_USED, required=False)
    circuitPolicy = Word([policy.value for policy in CircuitPolicy], source="circuit_policy", required=False)

    timeoutSeconds = Whole(source="timeout_seconds", min_value=1, max_value=LONGEST_SECONDS, required=False)
    maxRetryCount = Whole(source="max_retry_count", min_value=0, max_value=MOST_RETRIES, required=False)
    retryPolicy = RetryPolicyInput(source="retry_policy", required=False)
    retryOn = Outcomes(source="retry_on", max_length=MOST_OUTCOMES, required=False)
    sla = SlaInput(allow_null=True, required=False)
    labels: Any = Labels(required=False)
    owner = Line(max_length=255, allow_null=True, required=False)
    notifyOn = Notifications(source="notify_on", max_length=MOST_NOTIFIED, allow_null=True, required=False)


class RecordInput(TaskInput):
    """A task's definition among many, whose zones, queues, policies and numbers are mostly those of others."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._accepted: dict[tuple[str, type, Any], Any] = {}

    def _read_field(self, name: str, field: Any, value: Any) -> Any:
        is_long = isinstance(value, str) and len(value) > LONGEST_ACCEPTED
        if name in _OF_ONE_TASK or is_long or not isinstance(value, str | int):
            return super()._read_field(name, field, value)
        known = name, type(value), value
        accepted = self._accepted.get(known)
        if accepted is None:
            accepted = super()._read_field(name, field, value)
            if len(self._accepted) >= MOST_ACCEPTED:
                self._accepted.clear()
            self._accepted[known] = accepted
        return accepted


@extend_schema_field(TaskInput(many=True))
class TaskRecords(Records):
    """Many tasks."""


class BulkInput(Strict):
    """Tasks to register: `create` refuses names that are taken, `upsert` changes those; `atomic` is all or none."""

    mode = Word(("create", "upsert"), default="create")
    atomic = Flag(default=False)
    tasks = TaskRecords(help_text="At most 10,000.")


class ValidateInput(TaskInput):
    """A new task, or with the `id` or the name of one that exists what is to change in it."""

    id = Identifier(required=False, allow_null=True)
    name = Line(max_length=255, required=False)
    taskClass = Line(max_length=255, source="task_class", required=False)


class CloneInput(TaskInput):
    """A new task after another's definition: its name, and what is to be different."""

    taskClass = Line(max_length=255, source="task_class", required=False)


class PreviewInput(Strict):
    """A schedule to look at: exactly one of cronExpression, intervalSeconds and runAt; `from` is exclusive."""

    namespace = Key(max_length=KEY_MAX_LENGTH, required=False, help_text="Whose calendars are meant.")
    cronExpression = CronText(source="cron_expression", max_length=MAX_LENGTH, allow_null=True, required=False)
    timeZone = Zone(source="time_zone", max_length=64, required=False)
    intervalSeconds = Whole(
        source="interval_seconds", min_value=1, max_value=LONGEST_INTERVAL_SECONDS, allow_null=True, required=False
    )
    intervalMode = Word(IntervalMode.values, source="interval_mode", required=False)
    runAt = Instant(source="run_at", allow_null=True, required=False)
    startAt = Instant(source="start_at", allow_null=True, required=False)
    endAt = Instant(source="end_at", allow_null=True, required=False)
    jitterSeconds = Whole(source="jitter_seconds", min_value=0, max_value=LONGEST_JITTER_SECONDS, required=False)
    flexSeconds = Whole(source="flex_seconds", min_value=0, max_value=LONGEST_JITTER_SECONDS, required=False)
    calendar = Line(source="calendar_name", max_length=100, allow_null=True, required=False)
    calendarRules = CalendarDocument(
        source="calendar_rules", allow_null=True, required=False, help_text="Rules that are no calendar's yet."
    )
    calendarPolicy = Word([policy.value for policy in CalendarPolicy], source="calendar_policy", required=False)
    count = Whole(min_value=1, max_value=MOST_PREVIEWED, required=False)

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {**super().get_fields(), "from": Instant(source="after", required=False)}


class PauseInput(Strict):
    """Why a task stops firing, and when it goes on by itself."""

    reason = Text(max_length=PAUSE_REASON_MAX_LENGTH, allow_null=True, required=False)
    until = Instant(allow_null=True, required=False)


class ResumeInput(Strict):
    """Whether the slots of the pause follow misfirePolicy; else they are left out."""

    catchUp = Flag(source="catch_up", default=False)


class SkipInput(Strict):
    """One coming slot to leave out."""

    slot = Instant()


class BackfillInput(Strict):
    """The slots from <= slot < to, how many of them are open at once, and whether what has succeeded runs again."""

    to = Instant()
    maxParallel = Whole(source="max_parallel", min_value=1, max_value=MOST_PARALLEL, default=1)
    rerun = Flag(default=False)

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, first."""
        return {"from": Instant(source="begin"), **super().get_fields()}


class ThrottleInput(Strict):
    """How many executions of a catch-up go each second; 0 stops it for now."""

    maxPerSecond = Number(source="per_second", min_value=0, max_value=1_000_000)


class NothingInput(Strict):
    """A verb that takes nothing more: an empty object, or no body."""


class RestoreInput(Strict):
    """Nothing, but where the old task class is not announced any more."""

    allowUnknownTaskClass = Flag(required=False)


class TriggerInput(Strict):
    """A run by hand; `taskData` stands for the task's own in this one execution."""

    taskData = TaskData(source="task_data", allow_null=True, required=False)
    idempotencyKey = RequestKey(max_length=255, required=False, help_text="The same as the header Idempotency-Key.")

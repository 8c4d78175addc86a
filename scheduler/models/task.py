"""A task: the stored definition of what runs and when. Register writes definitions, the claim moves slots."""

import uuid
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.functional import cached_property

from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.circuits import CircuitPolicy
from scheduler.engine.states import TaskStatus
from scheduler.engine.workflows import Condition, Mode, Upstream
from scheduler.models.calendar import Calendar
from scheduler.models.choices import IntervalMode, MisfirePolicy, OverlapPolicy, choices


def default_retry_on() -> list[str]:
    """Return the outcomes that are tried again unless the task says otherwise."""
    return ["FAILED", "TIMED_OUT", "LOST"]


class Task(models.Model):
    """Names up to `timeout_seconds` are those of the first design; the rest was added."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(null=True, blank=True)
    cron_expression = models.CharField(max_length=100, null=True, blank=True)
    task_class = models.CharField(max_length=255)
    task_data = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=50, choices=choices(TaskStatus), db_default=TaskStatus.ACTIVE)
    priority = models.IntegerField(default=5, db_default=5)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now(), help_text="When the definition last changed.")
    created_by = models.CharField(max_length=100, null=True, blank=True)
    retry_count = models.IntegerField(default=0, db_default=0, help_text="Retries used by the latest slot.")
    max_retry_count = models.IntegerField(default=3, db_default=3)
    last_executed_at = models.DateTimeField(null=True, blank=True)
    next_execution_time = models.DateTimeField(
        null=True, blank=True, help_text="The next slot with its jitter and flex."
    )
    timeout_seconds = models.IntegerField(default=3600, db_default=3600)

    namespace = models.CharField(max_length=100, default="default", db_default="default")
    version = models.IntegerField(default=1, db_default=1)
    owner = models.CharField(max_length=255, null=True, blank=True)
    labels = models.JSONField(default=dict, db_default={}, blank=True)

    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    interval_seconds = models.IntegerField(null=True, blank=True)
    interval_mode = models.CharField(
        max_length=20, choices=IntervalMode, default=IntervalMode.FIXED_RATE, db_default=IntervalMode.FIXED_RATE
    )
    run_at = models.DateTimeField(null=True, blank=True)
    start_at = models.DateTimeField(null=True, blank=True)
    end_at = models.DateTimeField(null=True, blank=True)
    anchor_at = models.DateTimeField(null=True, blank=True, help_text="Where an interval's slots are counted from.")

    jitter_seconds = models.IntegerField(default=0, db_default=0)
    flex_seconds = models.IntegerField(
        default=0, db_default=0, help_text="A free window behind each slot, in which it is due where there is room."
    )
    flex_for = models.DateTimeField(null=True, blank=True, help_text="The slot whose place in its window is decided.")
    flex_ms = models.IntegerField(null=True, blank=True, help_text="How much later that slot is due.")
    calendar = models.ForeignKey(
        Calendar, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="tasks"
    )
    calendar_policy = models.CharField(
        max_length=20,
        choices=choices(CalendarPolicy),
        default=CalendarPolicy.SKIP.value,
        db_default=CalendarPolicy.SKIP.value,
    )
    calendar_version = models.IntegerField(
        null=True, blank=True, help_text="The version of the calendar by which next_slot_for was worked out."
    )

    misfire_policy = models.CharField(
        max_length=20,
        choices=MisfirePolicy,
        default=MisfirePolicy.FIRE_ONCE,
        db_default=MisfirePolicy.FIRE_ONCE,
    )
    misfire_grace_seconds = models.IntegerField(default=60, db_default=60)
    catch_up_limit = models.IntegerField(default=100, db_default=100)
    overlap_policy = models.CharField(
        max_length=20, choices=OverlapPolicy, default=OverlapPolicy.ALLOW, db_default=OverlapPolicy.ALLOW
    )
    open_count = models.IntegerField(
        default=0, db_default=0, help_text="Open executions; kept only where overlap_policy is not ALLOW."
    )
    max_concurrency = models.IntegerField(
        null=True, blank=True, help_text="Its executions QUEUED or RUNNING at once; NULL is any number."
    )
    auto_pause_after_failures = models.IntegerField(null=True, blank=True)
    failed_slot_count = models.IntegerField(default=0, db_default=0, help_text="Slots that failed in a row.")
    run_count = models.IntegerField(default=0, db_default=0, help_text="Runs from which expected_ms was learned.")
    expected_ms = models.FloatField(
        null=True,
        blank=True,
        help_text="How long a run takes at most, but for the rare one (scheduler.engine.bundles).",
    )
    queue = models.CharField(max_length=100, default="default", db_default="default")
    retry_policy = models.JSONField(default=dict, db_default={}, blank=True)
    retry_on = models.JSONField(default=default_retry_on, db_default=["FAILED", "TIMED_OUT", "LOST"])
    sla = models.JSONField(null=True, blank=True, help_text="What it promises of its slots (scheduler.engine.sla).")
    pause_reason = models.TextField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)

    template_name = models.CharField(
        max_length=100, null=True, blank=True, help_text="The template that it was made of, which keeps its name."
    )
    dependency_mode = models.CharField(
        max_length=20, choices=choices(Mode), default=Mode.ALL.value, db_default=Mode.ALL.value
    )
    has_dependencies = models.BooleanField(
        default=False, db_default=False, help_text="Its own slots wait for what other tasks come to."
    )
    has_dependents = models.BooleanField(
        default=False, db_default=False, help_text="Other tasks wait for what its slots come to."
    )

    listens_to = models.JSONField(
        default=list, db_default=[], blank=True, help_text="Events that start it: [{event, match}]."
    )

    uses = ArrayField(
        models.CharField(max_length=100), default=list, db_default=[], blank=True, help_text="Services that it calls."
    )
    circuit_policy = models.CharField(
        max_length=20,
        choices=choices(CircuitPolicy),
        default=CircuitPolicy.WAIT.value,
        db_default=CircuitPolicy.WAIT.value,
        help_text="What its slots do while one of them fails.",
    )

    notify_on = models.JSONField(
        null=True, blank=True, help_text="Who is notified of what; NULL is the namespace's channel, on failure."
    )

    skip_slots = ArrayField(
        models.DateTimeField(), null=True, blank=True, help_text="Coming slots that somebody has asked to leave out."
    )

    last_slot_for = models.DateTimeField(null=True, blank=True, help_text="The last slot that was recorded.")
    next_slot_for = models.DateTimeField(null=True, blank=True, help_text="The next slot's identity, before jitter.")
    claim_at = models.DateTimeField(null=True, blank=True, help_text="When the claim looks at it; NULL is never.")
    held_by = models.CharField(
        max_length=300, null=True, blank=True, help_text="The paused key that keeps it from the claim."
    )

    class Meta:
        db_table = "scheduler_tasks"
        permissions = [("operate_task", "Can run, pause, resume and skip slots of tasks")]
        constraints = [
            models.UniqueConstraint(
                fields=["namespace", "name"],
                condition=~Q(status=TaskStatus.DELETED),
                name="scheduler_tasks_name_once",
            ),
            models.CheckConstraint(condition=Q(priority__range=(1, 10)), name="scheduler_tasks_priority_1_to_10"),
            models.CheckConstraint(
                condition=Q(claim_at__isnull=True) | Q(status=TaskStatus.ACTIVE, next_slot_for__isnull=False),
                name="scheduler_tasks_claim_only_active",
            ),
        ]
        indexes = [
            models.Index(fields=["claim_at", "id"], condition=Q(claim_at__isnull=False), name="scheduler_tasks_claim"),
            models.Index(
                fields=["priority", "namespace", "claim_at"],
                condition=Q(claim_at__isnull=False),
                name="scheduler_tasks_claim_order",
            ),
            models.Index(fields=["id"], condition=Q(open_count__gt=0), name="scheduler_tasks_busy"),
            models.Index(fields=["held_by", "id"], condition=Q(held_by__isnull=False), name="scheduler_tasks_held"),
            models.Index(
                fields=["paused_until"], condition=Q(status=TaskStatus.PAUSED), name="scheduler_tasks_paused_until"
            ),
            models.Index(
                fields=["calendar", "calendar_version", "id"],
                condition=Q(calendar__isnull=False),
                name="scheduler_tasks_calendar",
            ),
            models.Index(
                fields=["id"],
                condition=Q(
                    interval_mode=IntervalMode.FIXED_DELAY, status=TaskStatus.ACTIVE, next_slot_for__isnull=True
                ),
                name="scheduler_tasks_awaiting_end",
            ),
            models.Index(fields=["id"], condition=Q(notify_on__isnull=False), name="scheduler_tasks_notifying"),
            # So few rows that the claim, which writes every index of a row, does not feel it.
            GinIndex(
                fields=["listens_to"],
                opclasses=["jsonb_path_ops"],
                condition=~Q(listens_to=[]),
                name="scheduler_tasks_listening",
            ),
            GinIndex(fields=["uses"], condition=~Q(uses=[]), name="scheduler_tasks_using"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """What it depends on, in the order given; set and not stored by register.dependencies until it links them."""
        given: tuple[Upstream, ...] | None = getattr(self, "_upstreams", None)
        if given is not None:
            return given
        return tuple(Upstream(row.upstream_id, Condition(row.condition)) for row in self._stored_dependencies)

    @upstreams.setter
    def upstreams(self, given: tuple[Upstream, ...]) -> None:
        self._upstreams = given

    @property
    def named_upstreams(self) -> list[tuple[Upstream, str | None]]:
        """What it depends on, each with its name where that lies in the same namespace."""
        if not self.upstreams:
            return []
        if getattr(self, "_upstreams", None) is None:
            tasks = {row.upstream_id: row.upstream for row in self._stored_dependencies}
        else:
            tasks = Task.objects.in_bulk([upstream.task_id for upstream in self.upstreams])
        named = [(upstream, tasks[upstream.task_id]) for upstream in self.upstreams]
        return [(upstream, one.name if one.namespace == self.namespace else None) for upstream, one in named]

    @cached_property
    def _stored_dependencies(self) -> list[Any]:
        """The rows of what it depends on: no query where there are none, or where they were read with the task."""
        if not self.has_dependencies:
            return []
        was_read = "dependencies" in getattr(self, "_prefetched_objects_cache", {})
        return list(self.dependencies.all() if was_read else self.dependencies.select_related("upstream"))

    @property
    def calendar_name(self) -> str | None:
        """The name of the calendar that it uses."""
        return self.calendar.name if self.calendar_id is not None and self.calendar is not None else None

    @property
    def calendar_rules(self) -> str | None:
        """The rules of the calendar that it uses, as text."""
        # Its id is asked first: to be told by a model's relation that there is none takes ten times as long.
        return self.calendar.rules_text if self.calendar_id is not None and self.calendar is not None else None

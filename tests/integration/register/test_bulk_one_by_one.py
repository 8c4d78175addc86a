"""Registering in bulk and registering one by one come to the same: random records, created and then changed."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import services
from register.api.reading import read_changes, read_new_task
from register.bulk import CREATE, UPSERT, Entry, Registrar
from register.errors import NameTaken
from register.given import Given
from register.operating import pause_task
from scheduler import connections, firing
from scheduler.errors import InvalidInput
from scheduler.models import Calendar, Execution, Task

pytestmark = pytest.mark.usefixtures("handlers", "calendar")

RECORDS = 60
WAIT = timedelta(minutes=7)

_CHOICES: dict[str, Sequence[Any]] = {
    "cronExpression": ["0 0 * * * ?", "0 */5 * * * ?", "*/10 * * * *", "0 0 25 * * ?", "0 0 0 1 1 ? 2020", None],
    "timeZone": ["UTC", "Europe/Berlin", "America/New_York", "Europe/Berlim"],
    "intervalSeconds": [60, 90, 3600, 0, None],
    "intervalMode": ["FIXED_RATE", "FIXED_DELAY"],
    "runAt": ["2030-01-01T06:00:00Z", "2020-01-01T06:00:00Z", None],
    "startAt": ["2029-01-01T00:00:00Z", None],
    "endAt": ["2028-01-01T00:00:00Z", "2040-01-01T00:00:00Z", None],
    "jitterSeconds": [0, 5, 4000],
    "calendar": ["open", "opne", None],
    "calendarPolicy": ["SKIP", "NEXT_OPEN", "PREVIOUS_OPEN"],
    "misfirePolicy": ["SKIP", "FIRE_ALL", "FIRE_ONCE"],
    "overlapPolicy": ["ALLOW", "SKIP", "QUEUE", "SOMETIMES"],
    "priority": [1, 5, 10, 11, "5", True],
    "queue": ["default", "reports", "platform"],
    "taskClass": ["platform.noop", "platform.sleep", "com.platform.tasks.CleanupTask", "reports.monthly", "nobody.has"],
    "taskData": [{"retentionDays": 7}, '{"retentionDays": 7}', {"seconds": "x"}, None, [], {"$secret": "KEY"}],
    "retryPolicy": [{"backoff": "FIXED"}, {"delaySeconds": 9000}, {"jitter": 1}],
    "retryOn": [["FAILED"], ["LOST", "LOST"], []],
    "labels": [{"a": "1"}, {"a": "1", "b": "2"}, {"a:b": "1"}],
    "maxRetryCount": [0, 3, 1000],
    "timeoutSeconds": [1, 86_400],
    "description": ["", "two\nlines", None],
    "owner": ["Ada", None],
}
# What two rows of one definition differ in: who they are, and what hangs on that.
_OWN = frozenset({"id", "namespace", "next_execution_time", "claim_at"})


@pytest.fixture
def calendar(now: datetime) -> Calendar:
    """Closed at weekends."""
    return Calendar.objects.create(name="open", rules={"weekdays": ["SAT", "SUN"]}, created_at=now, updated_at=now)


def _records(chance: random.Random, *, fields: int) -> list[dict[str, Any]]:
    return [
        {"name": f"Task {number}", "taskClass": "platform.noop"}
        | {name: chance.choice(_CHOICES[name]) for name in chance.sample(sorted(_CHOICES), chance.randint(0, fields))}
        for number in range(RECORDS)
    ]


def _one_by_one(fields: dict[str, Any], *, now: datetime) -> set[tuple[str, str]]:
    fields = {"namespace": "single"} | fields
    existing = Task.objects.filter(namespace="single", name=fields["name"]).first()
    try:
        _store(fields, existing, now=now)
    except InvalidInput as refusal:
        return {(fault.field, fault.code) for fault in refusal.faults}
    except NameTaken:
        return {("name", "taken")}
    return set()


def _store(fields: dict[str, Any], existing: Task | None, *, now: datetime) -> None:
    if existing is None:
        services.create_task(read_new_task(fields), actor="edda", namespace=None, now=now)
    else:
        services.change_task(existing.id, read_changes(fields), namespace=None, now=now)


def _in_bulk(records: list[dict[str, Any]], *, mode: str, now: datetime) -> list[set[tuple[str, str]]]:
    registrar = Registrar(mode=mode, actor="edda", home="many", now=now)
    results = registrar.register([Entry(fields) for fields in records])
    return [{(fault.field, fault.code) for fault in result.faults} for result in results]


def _tasks(namespace: str) -> list[dict[str, Any]]:
    rows = Task.objects.filter(namespace=namespace).order_by("name").values()
    return [{name: value for name, value in row.items() if name not in _OWN} for row in rows]


def _history(namespace: str) -> list[tuple[Any, ...]]:
    rows = Execution.objects.filter(namespace=namespace).order_by("task__name", "scheduled_for", "status")
    return list(rows.values_list("task__name", "scheduled_for", "scheduled_until", "status", "reason", "slot_count"))


def _pause_some(now: datetime) -> None:
    for task in Task.objects.filter(name__endswith="7", status="ACTIVE"):
        pause_task(task.id, Given({}), actor="olaf", namespace=None, now=now)


def _claim(now: datetime) -> None:
    """Record what is due: a request that changes nothing does so, and a batch that is refused, too; now all have."""
    firing.record_all_due(connections.current(), list(Task.objects.values_list("id", flat=True)), now=now)


@pytest.mark.parametrize("seed", range(6))
def test_new_tasks_come_out_the_same(now: datetime, seed: int) -> None:
    records = _records(random.Random(seed), fields=5)

    single = [_one_by_one(fields, now=now) for fields in records]

    assert _in_bulk(records, mode=CREATE, now=now) == single
    assert _tasks("many") == _tasks("single")


@pytest.mark.parametrize("seed", range(6))
def test_changed_tasks_come_out_the_same(now: datetime, seed: int) -> None:
    chance = random.Random(seed)
    records, changes = _records(chance, fields=3), _records(chance, fields=4)
    for fields in records:
        _one_by_one(fields, now=now)
    _in_bulk(records, mode=CREATE, now=now)
    _pause_some(now)

    single = [_one_by_one(fields, now=now + WAIT) for fields in changes]

    assert _in_bulk(changes, mode=UPSERT, now=now + WAIT) == single
    _claim(now + WAIT)
    assert _tasks("many") == _tasks("single")
    assert _history("many") == _history("single")

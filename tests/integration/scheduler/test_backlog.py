"""The order of a backlog: priority first, a share by age, namespaces by weight."""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from scheduler import backlog, firing
from tests.concurrency.together import flat, together
from tests.hot_paths import MINUTE, Open, add_task, executions


def add_due(connection: psycopg.Connection, count: int, *, due: datetime, **columns: Any) -> list[UUID]:
    return [add_task(connection, next_slot_for=due, **columns) for _ in range(count)]


def claimed(connection: psycopg.Connection, *, now: datetime, limit: int) -> list[dict[str, Any]]:
    firing.claim(connection, now=now, limit=limit, is_backlogged=True)
    return executions(connection)


def test_a_backlog_goes_by_priority(connection: psycopg.Connection, now: datetime):
    add_due(connection, 20, due=now - 30 * timedelta(seconds=1), priority=1)
    add_due(connection, 20, due=now, priority=10)
    seen = Counter(row["priority"] for row in claimed(connection, now=now, limit=20))
    assert seen == {10: 18, 1: 2}


def test_the_oldest_are_not_left_for_ever(connection: psycopg.Connection, now: datetime):
    old = add_due(connection, 1, due=now - timedelta(seconds=50), priority=1)
    add_due(connection, 30, due=now, priority=10)
    assert old[0] in {row["task_id"] for row in claimed(connection, now=now, limit=10)}


def test_a_level_that_is_short_leaves_room_for_the_next(connection: psycopg.Connection, now: datetime):
    for priority in (9, 5, 2):
        add_due(connection, 4, due=now, priority=priority)
    seen = Counter(row["priority"] for row in claimed(connection, now=now, limit=10))
    assert seen.total() == 10
    assert (seen[9], seen[5]) == (4, 4)


def test_namespaces_take_turns_inside_a_level(connection: psycopg.Connection, now: datetime):
    add_due(connection, 60, due=now - timedelta(seconds=9), namespace="loud")
    add_due(connection, 20, due=now, namespace="quiet")
    seen = Counter(row["namespace"] for row in claimed(connection, now=now, limit=20))
    assert seen["quiet"] == 9


def test_a_namespace_has_its_weight(connection: psycopg.Connection, now: datetime):
    connection.execute("INSERT INTO scheduler_namespaces (name, weight) VALUES ('heavy', 3)")
    # The share by age, a tenth, is all light; of those that are due at once it would be whichever ids are the least.
    add_due(connection, 100, due=now - timedelta(seconds=1), namespace="light")
    add_due(connection, 100, due=now, namespace="heavy")
    seen = Counter(row["namespace"] for row in claimed(connection, now=now, limit=91))
    assert seen == {"light": 9 + 21, "heavy": 61}


def test_what_a_namespace_leaves_of_its_share_the_others_have(connection: psycopg.Connection, now: datetime):
    add_due(connection, 3, due=now, namespace="small")
    add_due(connection, 60, due=now, namespace="large")
    seen = Counter(row["namespace"] for row in claimed(connection, now=now, limit=40))
    assert seen == {"small": 3, "large": 37}


def test_it_takes_nothing_that_is_not_due(connection: psycopg.Connection, now: datetime):
    add_due(connection, 3, due=now + MINUTE, priority=10)
    add_due(connection, 3, due=now, priority=1, namespace="zzz")
    assert {row["namespace"] for row in claimed(connection, now=now, limit=10)} == {"zzz"}


def test_it_takes_no_task_twice(connection: psycopg.Connection, now: datetime):
    add_due(connection, 25, due=now)
    with connection.transaction():
        locked = [task.id for task in backlog.due_tasks(connection, now=now, limit=30)]
    assert (len(locked), len(set(locked))) == (25, 25)


def test_several_schedulers_share_a_backlog(connection: psycopg.Connection, open_connection: Open, now: datetime):
    for priority in (1, 5, 10):
        add_due(connection, 40, due=now, priority=priority)
    claim = partial(firing.claim, now=now, limit=30, is_backlogged=True)
    ready = flat(together(*(partial(_ids, claim, open_connection()) for _ in range(4))))
    assert len(ready) == len(set(ready))


def _ids(claim: Any, connection: psycopg.Connection) -> list[UUID]:
    return [one.id for one in claim(connection).ready]

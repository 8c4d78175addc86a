"""The database keeps the audit as it is, but for what is old."""

from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from scheduler import audit, connections, housekeeping
from scheduler.models import AuditRecord, Task


@pytest.fixture
def records(cleanup: Task, now: datetime) -> list[AuditRecord]:
    """Of 800, 401, 399 and 91 days ago."""
    return AuditRecord.objects.bulk_create(
        AuditRecord(
            recorded_at=now - timedelta(days=days), actor="edda", via="API", verb="pause", kind="task",
            object_id=str(cleanup.id),
        )
        for days in (800, 401, 399, 91)
    )  # fmt: skip


def _execute(statement: str, *values: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE scheduler_audit SET actor = 'x'", "DELETE FROM scheduler_audit"],
)
def test_it_refuses_to_change_or_remove_what_is_young(cleanup: Task, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"):
        _execute(statement)


def test_it_refuses_to_change_what_is_old(records: list[AuditRecord]) -> None:
    with pytest.raises(DatabaseError, match="append-only"):
        _execute("UPDATE scheduler_audit SET actor = 'x' WHERE id = %s", records[0].id)


def test_it_lets_go_of_what_is_old(records: list[AuditRecord]) -> None:
    _execute("DELETE FROM scheduler_audit WHERE id = %s", records[3].id)

    assert not AuditRecord.objects.filter(id=records[3].id).exists()


def test_the_chore_removes_what_is_older_than_is_wanted(records: list[AuditRecord]) -> None:
    housekeeping.prune_audit()

    left = AuditRecord.objects.filter(verb="pause").order_by("recorded_at")
    assert list(left.values_list("id", flat=True)) == [records[2].id, records[3].id]


def test_it_removes_some_at_a_time_the_oldest_first(records: list[AuditRecord], now: datetime) -> None:
    removed = audit.prune(connections.current(), before=now - timedelta(days=100), limit=2)

    assert removed == 2
    assert not AuditRecord.objects.filter(id__in=[records[0].id, records[1].id]).exists()

"""`manage.py rebuild_rollups`."""

from datetime import datetime, timedelta
from io import StringIO
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command

from scheduler import partitions
from scheduler.connections import current
from tests.integration.scheduler.rollups.counting import hours, run

HOUR = timedelta(hours=1)


def rebuild(*arguments: str) -> str:
    out = StringIO()
    call_command("rebuild_rollups", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def forgotten(connection: psycopg.Connection, hourly: UUID, now: datetime) -> UUID:
    """Ran in three hours of yesterday; its roll-ups are gone."""
    for hour in range(3):
        run(connection, hourly, at=now - timedelta(days=1) + hour * HOUR)
    connection.execute("DELETE FROM scheduler_endings")
    return hourly


def test_it_counts_all_history_anew(forgotten: UUID):
    assert rebuild() == "3 hours counted anew.\n"
    assert [row["success"] for row in hours(current(), forgotten)] == [1, 1, 1]


def test_it_counts_a_period_anew(forgotten: UUID, now: datetime):
    begin = now - timedelta(hours=23)
    assert rebuild("--from", begin.isoformat(), "--to", (begin + HOUR).isoformat()) == "1 hours counted anew.\n"
    assert [row["hour"] for row in hours(current(), forgotten)] == [begin]


def test_it_says_which_hours(forgotten: UUID, now: datetime):
    first = now - timedelta(days=1)
    assert rebuild("--verbosity=2").splitlines()[0] == f"{first:%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize("text", ["soon", "2030-01-31T06:00:00", "2030-02-31", ""])
def test_it_refuses_what_is_no_instant(db: None, text: str):
    with pytest.raises(CommandError, match=r"--from: .* is neither a day such as"):
        rebuild("--from", text)


def test_it_says_what_history_is_kept(db: None, monkeypatch: pytest.MonkeyPatch):
    all_of = partitions.existing
    monkeypatch.setattr(partitions, "existing", lambda *given: all_of(*given)[1:])
    with pytest.raises(CommandError, match=r"--from: History is kept since .* only\. Give an instant from then on\."):
        rebuild("--from", "2020-01-01")

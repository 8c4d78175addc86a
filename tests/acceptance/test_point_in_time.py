"""A recovery to a point in time as docs/operations.md describes it, with the PostgreSQL that `make up` brings."""

from collections.abc import Iterator
from typing import cast

import psycopg
import pytest

from drill.platform import Platform, Size, running
from tests.acceptance.archive import ArchivedEngines
from tests.acceptance.struck import Watched, every, run_sql

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

# As the page has it: fences that handlers may have seen, and what was QUEUED then.
AFTERWARDS = (
    "SELECT setval('execution_fence', last_value + 1000000000) FROM execution_fence",
    "UPDATE task_execution_history SET published_at = NULL WHERE status = 'QUEUED'",
)


@pytest.fixture(scope="module")
def archived() -> Iterator[Platform]:
    """A web server, a scheduler and a worker on a PostgreSQL that keeps its log."""
    with running(Size(schedulers=1, workers=1), engines=ArchivedEngines) as platform:
        yield platform


def test_what_was_deleted_is_there_again_and_slots_go_on(archived: Platform):
    engines = cast(ArchivedEngines, archived.engines)
    engines.back_up()
    watched = Watched(archived, [every(1, lasts=60, now=archived.now()) for _ in range(3)])
    watched.wait_for_rows(9, "SUCCESS")
    before = {row.id for row in watched.rows() if row.status == "SUCCESS"}
    instant = archived.now()
    watched.wait_for_rows(3, "SUCCESS")
    run_sql(archived, "DELETE FROM task_execution_history", "DELETE FROM scheduler_tasks")

    archived.processes.stop(archived.names())
    engines.lose_and_recover(to=instant)
    run_sql(archived, *AFTERWARDS)
    recovered = watched.rows()
    for name in archived.names():
        archived.processes.relaunch(name)
    archived.await_ready()
    verdict = watched.judged(may_lose=True)

    assert before <= {row.id for row in recovered}
    assert max(row.scheduled_for for row in recovered) <= instant
    # What ran after the instant runs once more, as the page says: nobody knows of it any more.
    kinds = {finding.kind for finding in verdict.findings}
    assert kinds <= {"started twice", "fence"}, verdict.findings
    assert verdict.recorded == verdict.expected
    with psycopg.connect(engines.database_url) as connection:
        assert connection.info.server_version >= 180_000

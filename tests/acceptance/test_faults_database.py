"""PostgreSQL that ends in the middle of things, cuts its connections, refuses what conflicts, and has a full disk."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from drill.definitions import Work
from drill.platform import Platform
from scheduler import partitions, retention
from tests.acceptance.conftest import Watch
from tests.acceptance.struck import CUT, Watched, every, is_running, run_sql

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

# A statement that a crash is to hit must last for a moment.
SLOWLY = """
CREATE OR REPLACE FUNCTION drill_slowly() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$
"""
SLOW = {
    "claim": (
        "CREATE TRIGGER drill_slowly BEFORE INSERT ON task_execution_history EXECUTE FUNCTION drill_slowly()",
        "^WITH changed AS \\(\\s*INSERT INTO task_execution_history",
    ),
    "finish": (
        "CREATE TRIGGER drill_slowly BEFORE UPDATE OF end_time ON task_execution_history"
        " EXECUTE FUNCTION drill_slowly()",
        "UPDATE task_execution_history h\\s+SET status = CASE",
    ),
}
# A claim may hold the tasks' table each time.
TRIES = 100
QUICK_AGAIN = "DROP TRIGGER IF EXISTS drill_slowly ON task_execution_history"

# Raised by the server itself, so often and then no more: what a sequence has counted no rollback takes back.
CONFLICT = """
CREATE OR REPLACE FUNCTION drill_conflict() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF nextval('drill_conflicts') <= 3 THEN RAISE EXCEPTION 'a conflict of the drill' USING ERRCODE = '{state}'; END IF;
    RETURN NULL;
END $$
"""
VERBS = {"claim": "INSERT", "start and finish": "UPDATE OF status"}


@pytest.fixture
def quick_again(platform: Platform) -> Iterator[None]:
    """Whatever becomes of a test, nothing is slow after it."""
    yield
    run_sql(platform, QUICK_AGAIN)


@pytest.mark.usefixtures("quick_again")
@pytest.mark.parametrize("verb", SLOW)
def test_it_loses_nothing_when_the_database_ends_in_the_middle(platform: Platform, watch: Watch, verb: str) -> None:
    trigger, pattern = SLOW[verb]
    watched = watch(*[every(1, lasts=7, now=platform.now(), work=Work(seconds=0.1)) for _ in range(4)])
    watched.wait_for_rows(4, "SUCCESS")
    run_sql(platform, SLOWLY, trigger)
    watched.wait_for(lambda: is_running(platform, pattern), f"a {verb} is under way")

    platform.engines.crash_database()
    platform.engines.start_database()
    run_sql(platform, QUICK_AGAIN)

    assert [str(finding) for finding in watched.judged().findings] == []


def test_it_goes_on_when_its_connections_are_cut(platform: Platform, watch: Watch) -> None:
    watched = watch(*[every(1, lasts=7, now=platform.now(), work=Work(seconds=0.5)) for _ in range(4)])
    watched.wait_for_rows(4, "SUCCESS")

    run_sql(platform, CUT)

    assert [str(finding) for finding in watched.judged().findings] == []


def test_web_answers_the_next_request_after_its_connections_were_cut(platform: Platform) -> None:
    platform.call("GET", "/api/v1/tasks")
    run_sql(platform, CUT)
    assert [platform.call("GET", "/api/v1/tasks").status for _ in range(8)] == [200] * 8


@pytest.fixture
def conflicts(platform: Platform) -> Iterator[None]:
    """Whatever a test provokes is over afterwards."""
    yield
    run_sql(
        platform,
        "DROP TRIGGER IF EXISTS drill_conflict ON task_execution_history",
        "DROP SEQUENCE IF EXISTS drill_conflicts",
    )


@pytest.mark.usefixtures("conflicts")
@pytest.mark.parametrize("state", ["40P01", "40001"])
@pytest.mark.parametrize("verb", VERBS)
def test_it_tries_conflicts_again_a_few_times(platform: Platform, watch: Watch, verb: str, state: str) -> None:
    run_sql(
        platform,
        "CREATE SEQUENCE drill_conflicts",
        CONFLICT.format(state=state),
        f"CREATE TRIGGER drill_conflict BEFORE {VERBS[verb]} ON task_execution_history"
        " EXECUTE FUNCTION drill_conflict()",
    )
    watched = watch(*[every(1, lasts=4, now=platform.now()) for _ in range(2)])

    verdict = watched.judged()

    assert [str(finding) for finding in verdict.findings] == []
    assert _times_raised(platform) > 3
    assert verdict.largest_claim_lateness < 1.0


def _times_raised(platform: Platform) -> int:
    with platform.engines.connect() as connection:
        found = connection.execute("SELECT last_value FROM drill_conflicts").fetchone()
    assert found is not None
    return int(found[0])


@pytest.fixture
def full_disk(platform: Platform) -> Iterator[Path]:
    """A file that leaves PostgreSQL no byte; without it there is room again."""
    data = platform.engines.database_folder
    if not data.parent.is_mount():
        pytest.skip("the database cannot be given a small disk here: that takes root, and mount")
    # Room in the log of changes, so that it is the tables that find none.
    run_sql(platform, "CHECKPOINT", "SELECT pg_switch_wal()")
    ballast = data.parent / "ballast"
    try:
        yield ballast
    finally:
        ballast.unlink(missing_ok=True)


def test_a_full_disk_stops_claiming_and_says_so(platform: Platform, watch: Watch, full_disk: Path) -> None:
    watched: Watched = watch(
        *[every(1, lasts=18, now=platform.now(), misfire_policy="SKIP", grace_seconds=2) for _ in range(20)]
    )
    watched.wait_for_rows(10, "SUCCESS")
    _fill(full_disk)

    watched.wait_for(
        lambda: all("No space left" in _trouble(platform, name) for name in platform.schedulers), "it says"
    )
    watched.wait_for(lambda: not any(map(platform.is_ready, platform.schedulers)), "no scheduler is ready")
    assert all(platform.health(name, "live")[0] for name in platform.schedulers)

    full_disk.unlink()
    platform.await_ready()
    verdict = watched.judged()

    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.statuses["SKIPPED"] > 0


def _trouble(platform: Platform, name: str) -> str:
    return platform.health(name, "ready")[1].get("claimTrouble") or ""


def _fill(file: Path) -> None:
    """Take all that is left of a disk."""
    chunk = b"0" * 65_536
    with file.open("wb", buffering=0) as ballast:
        while shutil.disk_usage(file.parent).free:
            try:
                ballast.write(chunk)
            except OSError:
                return


def test_partitions_are_made_and_removed_under_load_without_a_claim_that_waits(
    platform: Platform, watch: Watch
) -> None:
    watched = watch(*[every(1, lasts=9, now=platform.now()) for _ in range(20)])
    watched.wait_for_rows(20, "SUCCESS")
    before = _claims(platform)
    with platform.engines.connect() as connection:
        for days in range(1, 25):
            assert partitions.ensure_patiently(connection, now=platform.now() + timedelta(days=days), tries=TRIES)
        removed = [
            retention.remove(connection, one) for one in partitions.existing(connection, "task_execution_history")[-12:]
        ]
    verdict = watched.judged()
    after = _claims(platform)

    assert removed == [True] * 12
    assert after["+Inf"] - before["+Inf"] >= 5
    assert after["0.25"] - before["0.25"] == after["+Inf"] - before["+Inf"]
    assert [str(finding) for finding in verdict.findings] == []


def _claims(platform: Platform) -> dict[str, float]:
    """Return how many claims of all schedulers took at most so many seconds, by the bound."""
    found: dict[str, float] = {}
    for name in platform.schedulers:
        text = platform.metrics(name)
        for bound, count in re.findall(r'claim_duration_seconds_bucket\{le="([^"]+)"\} (\S+)', text):
            found[bound] = found.get(bound, 0.0) + float(count)
    return found

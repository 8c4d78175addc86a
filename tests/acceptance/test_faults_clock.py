"""Clocks that differ from node to node, and a database whose clock steps: decisions go by the database's alone."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drill.definitions import Work
from drill.findings import Kind, Verdict
from drill.platform import Platform
from tests.acceptance.conftest import Watch
from tests.acceptance.struck import CUT, Watched, every, once, run_sql, shown
from tests.debian import is_missing

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

AHEAD = Path(__file__).with_name("ahead.c")
PROMISED = {Kind.MISSED, Kind.DOUBLED, Kind.UNEXPECTED, Kind.STARTED_TWICE, Kind.OPEN, Kind.LOST, Kind.ATTEMPTS}
HELD = "The database's clock has jumped"

# In front of pg_catalog on every connection's path: the one function by which the platform asks the time.
STEERED = """
CREATE SCHEMA drill_clock;
CREATE TABLE drill_clock.step (seconds integer NOT NULL);
INSERT INTO drill_clock.step VALUES (0);
CREATE FUNCTION drill_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + make_interval(secs => (SELECT seconds FROM drill_clock.step))';
ALTER DATABASE platform_scheduler SET search_path = drill_clock, pg_catalog, public;
"""
FREE = "ALTER DATABASE platform_scheduler RESET search_path; DROP SCHEMA IF EXISTS drill_clock CASCADE"


@pytest.fixture
def apart(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """One scheduler and one worker whose own clocks are half a minute ahead of the others'."""
    ahead = {"LD_PRELOAD": str(_compiled(tmp_path))}
    names = [platform.schedulers[1], platform.workers[1]]
    programs = [program for program in platform.programs() if program.name in names]
    platform.processes.stop(names)
    for program in programs:
        platform.processes.launch(replace(program, env={**program.env, **ahead}))
    platform.await_ready(names)
    yield platform
    platform.processes.stop(names)
    for program in programs:
        platform.processes.launch(program)


def _compiled(folder: Path) -> Path:
    """Make the library; libfaketime makes sleeps of Python fail, or leaves its waits without an end."""
    if shutil.which("gcc") is None:
        is_missing("compiler", package="gcc")
    library = folder / "ahead.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(AHEAD), "-ldl"], check=True)
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"],
        env={"LD_PRELOAD": str(library)}, capture_output=True, check=True,
    )  # fmt: skip
    assert float(told.stdout) > library.stat().st_mtime + 25
    return library


def test_nodes_whose_clocks_differ_agree_on_every_slot(apart: Platform, watch: Watch) -> None:
    watched = watch(*[every(1, lasts=7, now=apart.now(), work=Work(seconds=0.3)) for _ in range(6)])

    verdict = watched.judged()

    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.largest_claim_lateness < 1.5
    assert verdict.largest_lateness < 5
    assert len({shown(apart, row.id)["node_id"] for row in watched.rows()}) == 2


class Stepped:
    """What became of tasks that fired, and of one that ran, when the database's clock stepped."""

    def __init__(self, platform: Platform, seconds: int) -> None:
        now = platform.now()
        running = Watched(platform, [once(now=now, work=Work(seconds=6), timeout_seconds=90)])
        firing = Watched(platform, [every(1, lasts=max(seconds, 0) + 8, now=now) for _ in range(3)])
        running.wait_for(lambda: running.count("RUNNING") == 1, "it runs")
        firing.wait_for_rows(3, "SUCCESS")
        before = [len(platform.processes.log(name)) for name in platform.schedulers]
        run_sql(platform, f"UPDATE drill_clock.step SET seconds = {seconds}")  # noqa: S608 - a number
        self.verdict: Verdict = firing.judged()
        running.wait_for(lambda: running.count("SUCCESS") == 1, "it ends")
        self.ran = running.rows()
        self.held = [
            platform.processes.log(name)[start:].count(HELD)
            for name, start in zip(platform.schedulers, before, strict=True)
        ]


@pytest.fixture(scope="module", params=[30, -8], ids=["ahead", "back"])
def stepped(struck_platform: Platform, request: pytest.FixtureRequest) -> Iterator[Stepped]:
    """The database's clock has stepped."""
    run_sql(struck_platform, STEERED, CUT)
    struck_platform.await_ready()
    try:
        yield Stepped(struck_platform, request.param)
    finally:
        run_sql(struck_platform, FREE, CUT)
        struck_platform.await_ready()


def test_a_step_holds_the_claim_until_three_ticks_agree(stepped: Stepped) -> None:
    assert stepped.held == [3, 3]


def test_a_step_misses_and_doubles_nothing(stepped: Stepped) -> None:
    assert [str(finding) for finding in stepped.verdict.findings if finding.kind in PROMISED] == []


def test_a_step_takes_nobodys_run_away(stepped: Stepped) -> None:
    assert [(row.status, row.attempt) for row in stepped.ran] == [("SUCCESS", 1)]

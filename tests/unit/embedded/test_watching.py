"""What is worth telling between two looks at the programs."""

import pytest

from platform_scheduler.embedded.logs import Log
from platform_scheduler.embedded.supervision import Status
from platform_scheduler.embedded.watching import Change, changes, notice

RUNNING = Status("RUNNING", 10)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (RUNNING, {}),
        (Status("FATAL", 0), {"web": Change.GIVEN_UP}),
        (Status("RUNNING", 11), {"web": Change.RESTARTED}),
        (Status("STARTING", 11), {"web": Change.RESTARTED}),
        (Status("BACKOFF", 0), {}),
    ],
)
def test_it_tells_of_a_program_that_has_ended(now, told):
    assert changes({"web": RUNNING}, {"web": now}) == told


def test_it_tells_of_a_fatal_end_once():
    fatal = Status("FATAL", 0)
    assert changes({"web": fatal}, {"web": fatal}) == {}


@pytest.mark.parametrize("before", [Status("BACKOFF", 0), Status("STARTING", 9)])
def test_it_tells_of_a_program_that_ends_while_it_starts(before):
    assert changes({"web": before}, {"web": RUNNING}) == {"web": Change.TRIED_AGAIN}


def test_it_tells_of_a_restart_that_took_longer_than_a_look():
    assert changes({"web": Status("EXITED", 0)}, {"web": RUNNING}) == {"web": Change.RESTARTED}


def test_it_tells_nothing_at_the_first_look():
    assert changes({}, {"web": RUNNING}) == {}


@pytest.mark.parametrize("change", [Change.TRIED_AGAIN, Change.GIVEN_UP])
def test_it_says_why_a_program_does_not_start(change, tmp_path):
    log = Log(tmp_path / "worker.log")
    log.path.write_text("ImportError: no module\n")
    assert f"ImportError: no module (log: {log.path})" in notice(log, name="worker", change=change)


def test_it_quotes_nothing_of_a_program_that_ran(tmp_path):
    log = Log(tmp_path / "worker.log")
    log.path.write_text("The last word\n")
    assert notice(log, name="worker", change=Change.RESTARTED) == (
        f"worker has ended and was started again (log: {log.path})"
    )

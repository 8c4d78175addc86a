"""What is worth telling between two looks at the programs."""

import pytest

from platform_scheduler.embedded.logs import Log
from platform_scheduler.embedded.supervision import Status
from platform_scheduler.embedded.watching import SECONDS_BETWEEN_TRIES, Change, Watch, notice

RUNNING = Status("RUNNING", 10)
FATAL = Status("FATAL", 0)


def told(*statuses: Status) -> Change | None:
    """Return what is told of a program at the last of these looks."""
    watch = Watch()
    for status in statuses:
        changes = watch.look({"web": status}, at=0)
    return changes.get("web")


@pytest.mark.parametrize(
    ("now", "change"),
    [
        (RUNNING, None),
        (FATAL, Change.GIVEN_UP),
        (Status("RUNNING", 11), Change.RESTARTED),
        (Status("STARTING", 11), Change.RESTARTED),
        (Status("BACKOFF", 0), None),
    ],
)
def test_it_tells_of_a_program_that_has_ended(now, change):
    assert told(RUNNING, now) is change


@pytest.mark.parametrize("before", [Status("BACKOFF", 0), Status("STARTING", 9)])
def test_it_tells_of_a_program_that_ends_while_it_starts(before):
    assert told(before, RUNNING) is Change.TRIED_AGAIN


def test_it_tells_of_a_restart_that_took_longer_than_a_look():
    assert told(Status("EXITED", 0), RUNNING) is Change.RESTARTED


def test_it_tells_at_the_first_look_only_of_what_is_given_up_already():
    assert told(RUNNING) is None
    assert told(FATAL) is Change.GIVEN_UP


@pytest.mark.parametrize("then", [FATAL, Status("STARTING", 12), Status("BACKOFF", 0), Status("STARTING", 13)])
def test_it_tells_once_that_a_program_is_given_up(then):
    assert told(RUNNING, FATAL, then) is None


def test_it_tells_when_a_program_that_was_given_up_runs_again():
    assert told(FATAL, Status("STARTING", 12), Status("RUNNING", 12)) is Change.RECOVERED
    assert told(FATAL, Status("RUNNING", 12), Status("RUNNING", 13)) is Change.RESTARTED


def test_it_tries_again_what_is_given_up_a_minute_later_and_each_minute_from_then_on():
    watch = Watch()
    watch.look({"web": RUNNING, "worker": FATAL}, at=100)
    assert list(watch.tries(at=100 + SECONDS_BETWEEN_TRIES - 1)) == []
    assert list(watch.tries(at=100 + SECONDS_BETWEEN_TRIES)) == ["worker"]
    assert list(watch.tries(at=101 + SECONDS_BETWEEN_TRIES)) == []
    assert list(watch.tries(at=100 + 2 * SECONDS_BETWEEN_TRIES)) == ["worker"]


def test_it_does_not_try_what_is_being_started():
    watch = Watch()
    watch.look({"web": FATAL}, at=0)
    watch.look({"web": Status("BACKOFF", 0)}, at=1)
    assert list(watch.tries(at=SECONDS_BETWEEN_TRIES)) == []


def test_it_does_not_try_what_runs_again():
    watch = Watch()
    watch.look({"web": FATAL}, at=0)
    watch.look({"web": RUNNING}, at=1)
    watch.look({"web": FATAL}, at=50)
    assert list(watch.tries(at=SECONDS_BETWEEN_TRIES)) == []


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


def test_it_says_that_a_program_runs_again(tmp_path):
    assert notice(Log(tmp_path / "worker.log"), name="worker", change=Change.RECOVERED) == "worker runs again."

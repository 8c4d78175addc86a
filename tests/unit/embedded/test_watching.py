"""What is worth telling between two looks at the programs."""

import pytest

from platform_scheduler.embedded.supervision import Status
from platform_scheduler.embedded.watching import changes

RUNNING = Status("RUNNING", 10)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (RUNNING, {}),
        (Status("FATAL", 0), {"web": True}),
        (Status("RUNNING", 11), {"web": False}),
        (Status("STARTING", 11), {"web": False}),
        (Status("BACKOFF", 0), {}),
    ],
)
def test_it_tells_of_a_program_that_has_ended(now, told):
    assert changes({"web": RUNNING}, {"web": now}) == told


def test_it_tells_of_a_fatal_end_once():
    fatal = Status("FATAL", 0)
    assert changes({"web": fatal}, {"web": fatal}) == {}


def test_it_tells_of_a_restart_that_took_longer_than_a_look():
    assert changes({"web": Status("BACKOFF", 0)}, {"web": RUNNING}) == {"web": False}


def test_it_tells_nothing_at_the_first_look():
    assert changes({}, {"web": RUNNING}) == {}

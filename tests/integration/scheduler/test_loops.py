"""Loops: they outlive the database, and bugs."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from scheduler import clock, connections, loops
from scheduler.loops import Loop, Timer
from tests.hot_paths import Open

PATIENCE_SECONDS = 10
# As they are where no test is impatient.
WAITS = {name: getattr(loops, name) for name in ("BUG_SECONDS", "RETRY_SECONDS")}

Step = Callable[[psycopg.Connection], Any]


class Script:
    """A body that takes one step a pass and ends its loop after the last."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.connections: list[psycopg.Connection] = []
        self.loop = Loop("scripted", self)

    def __call__(self, connection: psycopg.Connection) -> Any:
        self.connections.append(connection)
        step = self.steps.pop(0)
        if not self.steps:
            self.loop.stop()
        return step(connection)

    def play(self) -> "Script":
        self.loop.start()
        self.loop.join(PATIENCE_SECONDS)
        assert not self.loop.is_alive()
        return self


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between two tries are shortened; what is waited for stays the same."""
    monkeypatch.setattr(loops, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(loops, "BUG_SECONDS", 0.01)


@pytest.fixture
def no_database(open_connection: Open) -> None:
    """The loops connect to the tests' database."""


def good(_: Any) -> Any:
    return 0


def bug(_: Any) -> Any:
    raise KeyError("a bug")


def end_session(connection: psycopg.Connection) -> float:
    connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return 0


def refused(connection: psycopg.Connection) -> float:
    connection.execute("SELECT 1/0")
    return 0


def conflict(state: str) -> Step:
    def step(connection: psycopg.Connection) -> float:
        connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'a conflict' USING ERRCODE = '{state}'; END $$")
        return 0

    return step


pytestmark = pytest.mark.usefixtures("no_database")


def test_it_keeps_its_connection_from_pass_to_pass():
    script = Script(good, good, good).play()
    assert len({id(one) for one in script.connections}) == 1


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_it_tries_again_after_a_conflict_on_the_same_connection(state: str):
    script = Script(good, conflict(state), conflict(state), good).play()
    assert len({id(one) for one in script.connections}) == 1


def test_it_opens_another_connection_after_many_conflicts_in_a_row():
    script = Script(*[conflict("40P01")] * 7, good).play()
    assert [id(one) == id(script.connections[0]) for one in script.connections] == [True] * 6 + [False] * 2


def test_it_counts_conflicts_anew_after_a_good_pass():
    script = Script(*[conflict("40P01")] * 5, good, *[conflict("40P01")] * 5, good).play()
    assert len({id(one) for one in script.connections}) == 1


def test_it_says_what_troubles_it_until_a_pass_ends_well():
    loop: Loop

    def look(_: psycopg.Connection) -> float:
        seen.append(loop.trouble)
        return 0

    seen: list[str | None] = []
    script = Script(refused, look, look)
    loop = script.loop
    script.play()
    assert seen == ["division by zero", None]


@pytest.mark.parametrize("fault", [end_session, refused])
def test_it_opens_another_connection_after_a_database_error(fault: Step):
    first, second = Script(fault, good).play().connections
    assert (first.closed, first is second) == (True, False)


def test_it_outlives_a_bug():
    assert len(Script(bug, bug, good).play().connections) == 3


def test_it_keeps_its_connection_over_a_bug():
    first, second = Script(bug, good).play().connections
    assert first is second


def test_it_rolls_back_what_a_bug_left_open():
    def half(connection: psycopg.Connection) -> float:
        with connection.transaction():
            connection.execute("SELECT 1")
            raise KeyError("a bug")

    def look(connection: psycopg.Connection) -> float:
        states.append(connection.info.transaction_status)
        return 0

    states: list[object] = []
    Script(half, look).play()
    assert states == [psycopg.pq.TransactionStatus.IDLE]


def test_it_waits_for_a_database_that_is_not_there_yet(monkeypatch: pytest.MonkeyPatch):
    answers: Iterator[Any] = iter([psycopg.OperationalError("refused"), OSError("no route"), None])

    def sometimes(**options: str) -> psycopg.Connection:
        answer = next(answers)
        if answer is not None:
            raise answer
        return connections.connect(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(loops, "connect", sometimes)
    assert len(Script(good).play().connections) == 1


def test_it_closes_its_connection_when_it_stops():
    assert Script(good).play().connections[0].closed


def test_it_stops_while_it_waits():
    waits = threading.Event()

    def wait_long(_: psycopg.Connection) -> float:
        waits.set()
        return 3_600

    loop = Loop("waiting", wait_long)
    loop.start()
    assert waits.wait(PATIENCE_SECONDS)
    loop.stop()
    loop.join(PATIENCE_SECONDS)
    assert not loop.is_alive()


# How steady it is


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the monotonic clock."""

    def set_to(second: float) -> None:
        monkeypatch.setattr(clock, "monotonic", lambda: second)

    set_to(0)
    return set_to


@pytest.fixture
def loop(time: Callable[[float], None]) -> Loop:
    """A loop whose passes the test makes."""
    return Loop("noted", good)


def test_it_is_not_steady_before_its_first_pass(loop: Loop, time: Callable[[float], None]):
    time(3)
    assert (loop.steady_seconds, loop.age) == (0.0, 3)


def test_it_is_steady_since_its_first_pass(loop: Loop, time: Callable[[float], None]):
    for second in (10, 12, 14):
        time(second)
        loop._note(0.5)
    assert loop.steady_seconds == 4


def test_it_is_steady_no_longer_during_an_outage(loop: Loop, time: Callable[[float], None]):
    """The body asks before the pass is noted: the first one after an outage may not believe in the time before it."""
    loop._note(0.5)
    time(60)
    assert loop.steady_seconds == 0.0


def test_it_is_steady_anew_after_an_outage(loop: Loop, time: Callable[[float], None]):
    loop._note(0.5)
    time(60)
    loop._note(0.5)
    time(63)
    assert loop.steady_seconds == 3


# Timers


def test_it_acts_at_once_and_then_each_period(time: Callable[[float], None]):
    seen: list[int] = []
    timer = Timer(10, seen.append, due_at=0)
    for second in (0, 9.9, 10, 19.9, 20):
        time(second)
        timer.run(int(second))
    assert seen == [0, 10, 20]


def test_it_acts_again_soon_after_a_failure(time: Callable[[float], None]):
    timer = Timer(60, bug, due_at=0)
    with pytest.raises(KeyError):
        timer.run(None)
    timer.action = good
    time(1)
    timer.run(None)
    assert timer.due_at == 61


def test_it_lets_the_parts_behind_a_failing_one_have_their_turn(time: Callable[[float], None]):
    """Otherwise one range that cannot be counted would end all recovery behind it."""
    seen: list[str] = []
    failing, behind = Timer(60, bug, due_at=0), Timer(60, seen.append, due_at=0)
    with pytest.raises(KeyError):
        failing.run("first pass")
    failing.run("second pass")
    behind.run("second pass")
    assert seen == ["second pass"]


@pytest.mark.parametrize("period", [0.5, 1, 60])
def test_a_part_that_fails_each_time_leaves_those_behind_it_their_turn(monkeypatch: pytest.MonkeyPatch, period: float):
    """The whole loop waits after a bug; where that is no shorter than the part waits, it comes first each time."""
    for name, seconds in WAITS.items():
        monkeypatch.setattr(loops, name, seconds / 10)
    acted = threading.Event()
    timers = Timer(period / 10, lambda: bug(None)), Timer(0, acted.set)

    def body(_: psycopg.Connection) -> float:
        for timer in timers:
            timer.run()
        return 0.01

    loop = Loop("partly broken", body)
    loop.start()
    has_acted = acted.wait(2)
    loop.stop()
    loop.join(PATIENCE_SECONDS)
    assert has_acted


def test_a_timer_that_is_called_while_it_acts_acts_again():
    """A notice that comes while the held rows are being read would otherwise wait for the next second."""
    notices: list[Callable[[], None]] = [lambda: timer.make_due(), lambda: None]
    timer = Timer(60, lambda: notices.pop(0)())
    timer.run()
    timer.run()
    timer.run()
    assert notices == []


# Loops that hear


@pytest.mark.usefixtures("no_database")
def test_a_loop_that_hears_is_called_for_what_others_tell() -> None:
    """The second pass would else come after an hour."""
    passes = threading.Semaphore(0)

    def body(connection: psycopg.Connection) -> float:
        connection.execute("LISTEN something")
        passes.release()
        return 3600

    loop = Loop("hearing", body, gathers_for=0.001)
    loop.start()
    assert passes.acquire(timeout=PATIENCE_SECONDS)
    with connections.connect(application_name="another") as other:
        other.execute("NOTIFY something")

    assert passes.acquire(timeout=PATIENCE_SECONDS)
    loop.stop()
    loop.join(PATIENCE_SECONDS)
    assert not loop.is_alive()


@pytest.mark.usefixtures("no_database")
def test_a_loop_that_hears_gathers_what_is_told_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    loop = Loop("hearing", good, gathers_for=0.02)
    monkeypatch.setattr(loop._stopping, "wait", wait)
    with connections.connect(application_name="hearing") as connection:
        connection.execute("LISTEN something")
        with connections.connect(application_name="another") as other:
            other.execute("NOTIFY something")
        began = clock.monotonic()
        loop._wait(connection, 3600)
        loop._wait(connection, 0.007)
        passed = clock.monotonic() - began

    # What is left of the time, for it has passed a moment until it heard.
    assert waited == [pytest.approx(0.02, abs=passed), pytest.approx(0.007, abs=passed)]
    assert max(waited) <= 0.02


@pytest.mark.usefixtures("no_database")
def test_a_loop_that_hears_nothing_does_not_wake_up_to_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop("hearing", good, gathers_for=0.001)
    monkeypatch.setattr(loop._stopping, "wait", lambda _: pytest.fail("There is nothing to gather."))
    with connections.connect(application_name="hearing") as connection:
        loop._wait(connection, 0.01)


@pytest.mark.usefixtures("no_database")
def test_a_loop_that_hears_waits_as_long_as_its_body_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be done for five seconds is not tried ten times meanwhile."""
    monkeypatch.setattr(loops, "STOP_SECONDS", 0.01)
    loop = Loop("hearing", good, gathers_for=0.001)
    with connections.connect(application_name="hearing") as connection:
        began = clock.monotonic()
        loop._wait(connection, 0.1)

    assert clock.monotonic() - began >= 0.1

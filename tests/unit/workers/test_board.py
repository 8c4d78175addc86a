"""The board that children write and the reporter reads."""

import os
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import clock
from scheduler.engine.bundles import MOST
from tests.unit.engine.schedules.cases import steady
from workers.board import SLOTS, TAKEN_AFTER_SECONDS, UNDISTURBED_SECONDS, Board, Note, Won

EXECUTION = UUID("01990000-0000-7000-8000-000000000001")
OTHER = UUID("01990000-0000-7000-8000-0000000000ff")


WAITING = [(OTHER, 8), (UUID("01990000-0000-7000-8000-0000000001ff"), 9)]


def put(
    board: Board,
    slot: int = 0,
    *,
    pid: int = 42,
    execution: UUID = EXECUTION,
    fence: int = 7,
    waiting: Sequence[Won] = (),
) -> None:
    board.put(slot, pid=pid, deadline=12.5, execution=execution, fence=fence, waiting=waiting)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock; its last value is now."""
    values = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: values[-1])
    return values


def test_it_shows_what_a_child_runs():
    board = Board()
    put(board, 3)
    assert list(board.running()) == [Note(3, 42, 1, 12.5, EXECUTION, 7)]


def test_it_shows_nothing_of_an_idle_child():
    board = Board()
    put(board)
    board.clear(0)
    assert list(board.running()) == []


def test_it_shows_nothing_before_anything_has_begun():
    assert list(Board().running()) == []


def test_it_numbers_what_a_slot_has_run():
    board = Board()
    for _ in range(3):
        put(board)
        board.clear(0)
    put(board)
    assert [note.sequence for note in board.running()] == [4]


def test_it_tells_the_same_execution_apart_when_it_runs_again():
    board = Board()
    put(board)
    (first,) = board.running()
    put(board)
    assert first not in set(board.running())


def test_it_has_a_place_for_every_child():
    board = Board()
    for slot in range(SLOTS):
        put(board, slot, pid=slot + 1)
    assert [(note.slot, note.pid) for note in board.running()] == [(slot, slot + 1) for slot in range(SLOTS)]


def test_it_remembers_when_the_reporter_was_seen():
    board = Board()
    board.reporter_seen_at = 123.25
    put(board)
    assert board.reporter_seen_at == 123.25


@steady
@given(st.integers(1, 2**31), st.floats(0, 1e12), st.uuids(), st.integers(0, 2**63 - 1), st.integers(0, SLOTS - 1))
def test_it_keeps_every_value(pid: int, deadline: float, execution: UUID, fence: int, slot: int):
    board = Board()
    board.put(slot, pid=pid, deadline=deadline, execution=execution, fence=fence)
    assert list(board.running()) == [Note(slot, pid, 1, deadline, execution, fence)]


def bytes_of(board: Board) -> bytes:
    return board._memory[:]


@pytest.mark.parametrize("half", range(64, 64 + 544))
def test_it_shows_no_slot_that_is_half_written(half: int):
    """The reporter looks while a child writes its next execution over the last: it sees either, never a mixture."""
    board = Board()
    put(board)
    before = bytes_of(board)
    board.put(0, pid=43, deadline=99.0, execution=OTHER, fence=8, waiting=[(EXECUTION, 9)] * (MOST - 1))
    after = bytes_of(board)
    whole = [Note(0, 42, 1, 12.5, EXECUTION, 7), Note(0, 43, 2, 99.0, OTHER, 8)]
    board._memory[:] = after[:half] + before[half:]
    assert [note for note in board.running() if note not in whole] == []


@pytest.mark.parametrize("half", range(64, 64 + 544))
def test_it_shows_no_slot_of_which_the_next_half_has_begun(half: int):
    """Going on writes less than beginning does, and what it leaves as it is is checked with it."""
    board = Board()
    put(board, waiting=[(OTHER, 8), (EXECUTION, 9)])
    before, first = bytes_of(board), list(board.running())
    assert board.go_on(0, deadline=99.0)
    after, second = bytes_of(board), list(board.running())
    board._memory[:] = after[:half] + before[half:]
    assert [note for note in board.running() if note not in first + second] == []


def test_a_cancel_is_seen_by_the_child_it_is_meant_for():
    board = Board()
    put(board, 3)
    board.ask_cancel(next(board.running()))
    assert (board.is_cancel_asked(3), board.is_cancel_asked(2)) == (True, False)


def test_a_cancel_is_not_meant_for_what_the_child_runs_next():
    board = Board()
    put(board, 3)
    board.ask_cancel(next(board.running()))
    put(board, 3, execution=OTHER)
    assert not board.is_cancel_asked(3)


def test_nothing_is_cancelled_that_nobody_asked_for():
    board = Board()
    put(board, 3)
    assert not board.is_cancel_asked(3)


def test_a_cancel_leaves_the_note_as_it_is():
    board = Board()
    put(board, 3)
    board.ask_cancel(next(board.running()))
    assert list(board.running()) == [Note(3, 42, 1, 12.5, EXECUTION, 7)]


# Several that were won at once


def noted(board: Board) -> list[tuple[UUID, int, tuple[Won, ...]]]:
    return [(note.execution, note.fence, note.waiting) for note in board.running()]


def test_it_shows_what_waits_behind_what_runs():
    board = Board()
    put(board, waiting=WAITING)
    assert noted(board) == [(EXECUTION, 7, tuple(WAITING))]


def test_it_shows_what_a_child_has_gone_on_to():
    board = Board()
    put(board, waiting=WAITING)
    assert board.go_on(0, deadline=20.0)
    ((note),) = board.running()
    assert (note.sequence, note.deadline, noted(board)) == (2, 20.0, [(OTHER, 8, (WAITING[1],))])


def test_it_has_a_place_for_a_full_bundle():
    board = Board()
    put(board, waiting=[(OTHER, fence) for fence in range(MOST - 1)])
    gone_on = [board.go_on(0, deadline=20.0) for _ in range(MOST - 1)]
    assert (all(gone_on), noted(board)) == (True, [(OTHER, MOST - 2, ())])


def test_a_cancel_is_not_meant_for_what_waited():
    board = Board()
    put(board, waiting=WAITING)
    board.ask_cancel(next(board.running()))
    board.go_on(0, deadline=20.0)
    assert not board.is_cancel_asked(0)


def test_what_waits_behind_a_long_one_can_be_taken(seconds: list[float]):
    board = Board()
    put(board, waiting=WAITING)
    seconds.append(100 + TAKEN_AFTER_SECONDS)
    taken = board.take(next(board.running()))
    assert (taken, noted(board), board.go_on(0, deadline=200.0)) == (tuple(WAITING), [(EXECUTION, 7, ())], False)


def test_nothing_is_taken_from_a_child_that_may_go_on_without_a_lock(seconds: list[float]):
    board = Board()
    put(board, waiting=WAITING)
    seconds.append(100 + UNDISTURBED_SECONDS)
    assert board.take(next(board.running())) == ()


def test_nothing_is_taken_from_a_child_that_has_gone_on(seconds: list[float]):
    board = Board()
    put(board, waiting=WAITING)
    seen = next(board.running())
    seconds.append(101.0)
    gone_on = board.go_on(0, deadline=200.0)
    assert (gone_on, board.take(seen), noted(board)) == (True, (), [(OTHER, 8, (WAITING[1],))])


def test_what_was_taken_says_nothing_of_what_the_child_wins_next(seconds: list[float]):
    board = Board()
    put(board, waiting=WAITING)
    seconds.append(101.0)
    board.take(next(board.running()))
    put(board, execution=OTHER, fence=8, waiting=[(EXECUTION, 10)])
    assert (noted(board), board.go_on(0, deadline=200.0)) == ([(OTHER, 8, ((EXECUTION, 10),))], True)


def test_two_processes_never_both_have_what_waits(seconds: list[float]):
    """The child and the reporter at the same moment, after a long one: the lock lets one of them have it."""
    board = Board()
    put(board, waiting=WAITING)
    seconds.append(101.0)
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(telling, b"1" if board.go_on(0, deadline=200.0) else b"0")
        os._exit(0)
    taken = [board.take(note) for note in board.running() if note.execution == EXECUTION]
    has_gone_on = os.read(told, 1) == b"1"
    os.waitpid(child, 0)
    os.close(told)
    os.close(telling)
    assert (tuple(WAITING) in taken) is not has_gone_on


def test_it_remembers_that_the_worker_is_to_end():
    board = Board()
    board.drain()
    board.reporter_seen_at = 123.25
    assert (board.is_draining, board.is_over, board.reporter_seen_at) == (True, False, 123.25)
    board.end()
    assert (board.is_draining, board.is_over, board.reporter_seen_at) == (True, True, 123.25)

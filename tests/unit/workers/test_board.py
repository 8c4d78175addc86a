"""The board that children write and the reporter reads."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.schedules.cases import steady
from workers.board import SLOTS, Board, Note

EXECUTION = UUID("01990000-0000-7000-8000-000000000001")
OTHER = UUID("01990000-0000-7000-8000-0000000000ff")


def put(board: Board, slot: int = 0, *, pid: int = 42, execution: UUID = EXECUTION, fence: int = 7) -> None:
    board.put(slot, pid=pid, deadline=12.5, execution=execution, fence=fence)


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


@pytest.mark.parametrize("half", range(64, 64 + 56))
def test_it_shows_no_slot_that_is_half_written(half: int):
    """The reporter looks while a child writes its next execution over the last: it sees either, never a mixture."""
    board = Board()
    put(board)
    before = bytes_of(board)
    board.put(0, pid=43, deadline=99.0, execution=OTHER, fence=8)
    after = bytes_of(board)
    whole = [Note(0, 42, 1, 12.5, EXECUTION, 7), Note(0, 43, 2, 99.0, OTHER, 8)]
    board._memory[:] = after[:half] + before[half:]
    assert [note for note in board.running() if note not in whole] == []


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

"""The pipe from the children to the reporter."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workers.pipe
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.unit.engine.schedules.cases import steady
from workers.pipe import LINE_MAX, LineTooLong, Pipe, decode, encode

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
outcomes = st.builds(
    Outcome,
    id=st.uuids(),
    fence=st.integers(0, 2**63 - 1),
    status=st.sampled_from(sorted(Status)),
    ended_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    result=texts,
    error_message=texts,
    reason=texts,
    is_permanent=st.booleans(),
)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """An open pipe."""
    opened = Pipe()
    yield opened
    os.close(opened.reading)
    os.close(opened.writing)


def outcome(number: int = 1, result: str | None = None) -> Outcome:
    ended_at = datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    return Outcome(UUID(int=number), number, Status.SUCCESS, ended_at, result)


def received(pipe: Pipe) -> list[Outcome]:
    return list(pipe.receive(timeout=0))


@steady
@given(outcomes)
def test_it_reads_back_what_it_has_written(one: Outcome):
    assert decode(encode(one)) == one


@steady
@given(outcomes)
def test_it_writes_one_line(one: Outcome):
    line = encode(one)
    assert (line.count(b"\n"), line[-1:]) == (1, b"\n")


def test_it_receives_what_was_sent_in_order(pipe: Pipe):
    sent = [outcome(number) for number in range(1, 6)]
    for one in sent:
        pipe.send(one)
    assert received(pipe) == sent


def test_it_receives_nothing_where_nothing_was_sent(pipe: Pipe):
    assert received(pipe) == []


def test_it_receives_each_outcome_once(pipe: Pipe):
    pipe.send(outcome())
    assert (len(received(pipe)), received(pipe)) == (1, [])


def test_it_refuses_a_line_that_would_be_mixed_with_others(pipe: Pipe):
    with pytest.raises(LineTooLong):
        pipe.send(outcome(result="x" * LINE_MAX))


def test_it_sends_nothing_of_a_line_that_it_refuses(pipe: Pipe):
    with pytest.raises(LineTooLong):
        pipe.send(outcome(result="x" * LINE_MAX))
    assert received(pipe) == []


def test_it_sends_a_line_of_just_the_size(pipe: Pipe):
    room = LINE_MAX - len(encode(outcome(result="")))
    pipe.send(outcome(result="x" * room))
    assert [len(encode(one)) for one in received(pipe)] == [LINE_MAX]


def test_it_waits_for_the_rest_of_a_line(pipe: Pipe):
    line = encode(outcome())
    os.write(pipe.writing, line[:20])
    first = received(pipe)
    os.write(pipe.writing, line[20:])
    assert (first, received(pipe)) == ([], [outcome()])


@pytest.mark.parametrize(
    "line", [b"rubbish\n", b"\n", b"[]\n", b'{"a": 1}\n', b"\xff\xfe\n", b"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n"]
)
def test_it_passes_over_a_line_that_it_cannot_read(pipe: Pipe, line: bytes):
    """A handler can write to any descriptor of its process."""
    os.write(pipe.writing, line)
    pipe.send(outcome())
    assert received(pipe) == [outcome()]


# A reporter that dies, and the one that takes over


def test_what_was_received_is_there_until_it_is_forgotten(pipe: Pipe):
    pipe.send(outcome(1))
    received(pipe)
    pipe.send(outcome(2))
    received(pipe)
    assert list(pipe.recover()) == [outcome(1), outcome(2)]


def test_what_is_forgotten_is_not_received_again(pipe: Pipe):
    pipe.send(outcome(1))
    received(pipe)
    pipe.forget()
    assert list(pipe.recover()) == []


def test_half_a_line_is_not_forgotten(pipe: Pipe):
    line = encode(outcome(1))
    os.write(pipe.writing, encode(outcome(2)) + line[:40])
    first = received(pipe)
    pipe.forget()
    os.write(pipe.writing, line[40:])
    assert (first, received(pipe)) == ([outcome(2)], [outcome(1)])


def test_it_goes_on_where_another_reporter_has_received(pipe: Pipe):
    pipe.send(outcome(1))
    child = os.fork()
    if child == 0:
        received(pipe)
        os._exit(0)
    os.waitpid(child, 0)
    pipe.send(outcome(2))
    recovered = list(pipe.recover())
    assert (recovered, received(pipe)) == ([outcome(1)], [outcome(2)])


def test_it_receives_no_more_than_it_has_room_for(pipe: Pipe, monkeypatch: pytest.MonkeyPatch):
    line = encode(outcome(1))
    monkeypatch.setattr(workers.pipe, "RECEIVED_MAX", len(line) + 1)
    small = Pipe()
    os.write(small.writing, line + line)
    room = [len(received(small)) for _ in range(2)]
    small.forget()
    assert (room, received(small)) == ([1, 0], [outcome(1)])
    os.close(small.reading)
    os.close(small.writing)

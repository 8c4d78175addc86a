"""From what a handler returned or raised to what is stored."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.unit.engine.schedules.cases import steady
from workers import outcomes
from workers.errors import ExpectedFailure, PermanentFailure, SoftTimeout, UnknownHandler
from workers.outcomes import ERROR_MAX_BYTES, REASON_MAX_BYTES, RESULT_MAX_BYTES, Ending, cut, raised, returned
from workers.pipe import LINE_MAX, decode, encode

anything = st.text(st.characters(), max_size=2_000)


class Mute:
    """A value, or an error, that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class MuteError(Mute, Exception):
    """An error that cannot say what it is."""


class MuteFailure(Mute, PermanentFailure):
    """A permanent one."""


def message(error: BaseException) -> str:
    text = raised(error, timeout_seconds=60).error_message
    assert text is not None
    return text


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as raised_error:  # noqa: BLE001 - the tests raise everything
        return raised_error


# What it returned


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (None, None),
        ("", ""),
        ("as it is", "as it is"),
        ({"a": [1, 2.5, None, True]}, '{"a": [1, 2.5, null, true]}'),
        (0, "0"),
        ("größer", "größer"),
        ({"ö": 1}, '{"ö": 1}'),
        ({"at": datetime(2026, 3, 1, tzinfo=UTC)}, '{"at": "2026-03-01 00:00:00+00:00"}'),
        ({"id": UUID(int=1)}, '{"id": "00000000-0000-0000-0000-000000000001"}'),
    ],
)
def test_it_stores_a_result_as_text(value: Any, result: str | None):
    assert returned(value) == Ending(Status.SUCCESS, result=result)


def circle() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def abyss() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("value", "kind"), [({(1, 2): 3}, "dict"), (circle(), "list"), (Mute(), "Mute")], ids=["keys", "circle", "mute"]
)
def test_it_succeeds_though_json_cannot_hold_the_result(value: Any, kind: str):
    """The work is done; a failure would do it again."""
    ending = returned(value)
    assert (ending.status, str(ending.result).startswith(f"A result of type {kind} that JSON cannot hold: ")) == (
        Status.SUCCESS,
        True,
    )


def test_it_succeeds_however_deep_the_result_is():
    assert returned(abyss()).status is Status.SUCCESS


@pytest.mark.parametrize(
    ("text", "stored"),
    [("a\x00b", "a\N{REPLACEMENT CHARACTER}b"), ("a\ud800b", "a?b"), ("\udcff", "?")],
    ids=["NUL", "surrogate", "undecodable byte"],
)
def test_it_replaces_what_postgresql_does_not_take(text: str, stored: str):
    assert returned(text).result == stored


def test_it_cuts_a_huge_result_in_the_middle():
    result = returned("a" * 10 + "x" * RESULT_MAX_BYTES + "z" * 10).result
    assert result is not None
    assert (result[:10], "… cut …" in result, result[-10:]) == ("a" * 10, True, "z" * 10)


@steady
@given(anything.map(lambda text: text * 50))
def test_it_never_stores_more_than_its_bytes(text: str):
    result = returned(text).result
    assert result is not None and len(result.encode()) <= RESULT_MAX_BYTES


@steady
@given(anything)
def test_it_stores_only_text_that_postgresql_takes(text: str):
    result = returned(text).result
    assert result is not None and "\x00" not in result and result.encode().decode() == result


# What it raised


def test_it_says_the_error_first_and_then_where():
    lines = message(caught(ValueError("too small"))).splitlines()
    assert (lines[0], lines[1]) == ("ValueError: too small", "Traceback (most recent call last):")


def test_it_fails_and_may_try_again():
    ending = raised(ValueError(), timeout_seconds=60)
    assert (ending.status, ending.is_permanent) == (Status.FAILED, False)


def test_it_times_out_by_the_soft_limit():
    ending = raised(caught(SoftTimeout()), timeout_seconds=60)
    assert ending.status is Status.TIMED_OUT
    assert str(ending.error_message).startswith("It ran longer than its timeoutSeconds, 60.\nTraceback")


def test_it_fails_for_good_on_request():
    ending = raised(PermanentFailure("no such customer"), timeout_seconds=60)
    assert ending == Ending(Status.FAILED, error_message="no such customer", is_permanent=True)


def test_it_spares_the_traceback_where_the_message_says_all():
    ending = raised(caught(ExpectedFailure("503 from the shop")), timeout_seconds=60)
    assert ending == Ending(Status.FAILED, error_message="503 from the shop")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MuteError(), MuteFailure()])
def test_it_fails_whatever_is_raised(error: BaseException):
    assert raised(error, timeout_seconds=60).status is Status.FAILED


@pytest.mark.parametrize(("error", "text"), [(PermanentFailure(), "PermanentFailure"), (MuteFailure(), "MuteFailure")])
def test_it_names_an_error_that_says_nothing(error: PermanentFailure, text: str):
    assert message(error) == text


def test_it_tells_what_led_to_the_error():
    cause = ValueError("the cause")
    error = RuntimeError("the effect")
    error.__cause__ = cause
    assert "ValueError: the cause" in message(error)


def test_it_bounds_the_message():
    assert len(message(ValueError("x" * 100_000)).encode()) <= ERROR_MAX_BYTES


def test_it_refuses_task_data_for_good_and_says_every_fault():
    ending = outcomes.refused(["a is wrong", "b too"])
    assert ending == Ending(Status.FAILED, error_message="a is wrong\nb too", is_permanent=True)


def test_it_names_the_node_that_lacks_a_handler_in_error_and_reason():
    ending = outcomes.unknown(UnknownHandler("This worker has no handler x."), node_id="node-7")
    said = "Node node-7: This worker has no handler x."
    assert ending == Ending(Status.FAILED, error_message=said, reason=said, is_permanent=True)


def test_it_fits_the_reason_into_its_column():
    ending = outcomes.unknown(UnknownHandler("ö" * 255), node_id="node-7")
    assert ending.reason is not None and len(ending.reason) <= REASON_MAX_BYTES


# Lines of the pipe

full = st.builds(
    Outcome,
    id=st.uuids(),
    fence=st.integers(0, 2**63 - 1),
    status=st.sampled_from(sorted(Status)),
    ended_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    result=st.none() | anything,
    error_message=st.none() | anything,
    reason=st.none() | anything,
    is_permanent=st.booleans(),
)


@steady
@given(full)
def test_it_cuts_an_outcome_to_one_line(outcome: Outcome):
    assert len(encode(cut(outcome))) <= LINE_MAX


@pytest.mark.parametrize("character", ["\x01", '"', "\\", "ö", "€", "😀", "\u2028", "\x7f", "\x00", "\ud800"])
def test_it_cuts_the_worst_texts_to_one_line(character: str):
    text = character * 70_000
    outcome = Outcome(
        UUID(int=2**128 - 1), 2**63 - 1, Status.TIMED_OUT, datetime.max.replace(tzinfo=UTC), text, text, text
    )
    assert len(encode(cut(outcome))) <= LINE_MAX


@steady
@given(full)
def test_it_reads_back_the_line_that_it_has_cut(outcome: Outcome):
    short = cut(outcome)
    assert decode(encode(short)) == short


def test_it_leaves_a_short_outcome_whole():
    outcome = Outcome(UUID(int=1), 1, Status.FAILED, None, "42", "no", "why")
    assert cut(outcome) == outcome

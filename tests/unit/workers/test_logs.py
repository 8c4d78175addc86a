"""The log of an execution: its beginning, its end, and what fell out between."""

import logging
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.schedules.cases import steady
from workers.logs import HEAD_BYTES, TAIL_BYTES, Capture, captured, prints_logged

lines = st.lists(st.text(st.characters(), max_size=200).map(lambda text: text * 40), max_size=60)


def size(kept: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in kept)


def capture(*said: str) -> Capture:
    made = Capture()
    for line in said:
        made.add(line)
    return made


def test_it_keeps_lines_in_order():
    assert capture("a", "b", "c").head == ["a", "b", "c"]


def test_it_keeps_the_beginning_and_the_end_of_a_long_log():
    made = capture(*(f"{number:07}" for number in range(100_000)))
    assert (made.head[0], made.tail[-1]) == ("0000000", "0099999")


def test_it_counts_what_fell_out_between():
    made = capture(*(f"{number:07}" for number in range(100_000)))
    assert made.dropped_bytes == 100_000 * 8 - HEAD_BYTES - TAIL_BYTES


def test_it_goes_on_with_the_end_once_it_has_begun():
    """A short line after a long one would fit into the beginning, and stand there before what came earlier."""
    made = capture("x" * (HEAD_BYTES - 10), "y" * 100, "z")
    assert (len(made.head), list(made.tail)) == (1, ["y" * 100, "z"])


@pytest.mark.parametrize(("said", "kept"), [("a\x00b", "a\N{REPLACEMENT CHARACTER}b"), ("a\ud800b", "a?b")])
def test_it_replaces_what_postgresql_does_not_take(said: str, kept: str):
    assert capture(said).head == [kept]


def test_it_cuts_a_line_that_is_longer_than_the_log():
    (line,) = capture("x" * (3 * HEAD_BYTES)).head
    assert len(line) < HEAD_BYTES


@steady
@given(lines)
def test_it_never_keeps_more_than_its_bytes(said: list[str]):
    made = capture(*said)
    assert size(made.head) <= HEAD_BYTES and size(made.tail) <= TAIL_BYTES


@steady
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=3_000)))
def test_it_accounts_for_every_byte(said: list[str]):
    made = capture(*said)
    assert size(made.head) + size(made.tail) + made.dropped_bytes == size(said)


def test_it_captures_what_any_logger_says():
    with captured() as log:
        logging.getLogger("some.library").warning("it is %d degrees", 40)
    assert log.head[0].endswith(" WARNING some.library: it is 40 degrees")


def test_it_leaves_out_what_is_only_for_debugging():
    with captured() as log:
        logging.getLogger("some.library").debug("detail")
    assert log.head == []


def test_it_captures_nothing_after_the_block():
    with captured() as log:
        pass
    logging.getLogger("some.library").warning("later")
    assert log.head == []


def test_it_captures_nothing_after_a_block_that_has_failed():
    with pytest.raises(KeyError), captured() as log:
        raise KeyError
    logging.getLogger("some.library").warning("later")
    assert log.head == []


def test_it_captures_where_a_handler_before_it_has_set_logging_up_anew(monkeypatch: pytest.MonkeyPatch):
    with captured():
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with captured() as log:
        logging.getLogger("some.library").warning("seen")
    assert len(log.head) == 1


def test_a_block_within_another_has_a_log_of_its_own():
    with captured() as outer:
        logging.getLogger("some.library").warning("one")
        with captured() as inner:
            logging.getLogger("some.library").warning("two")
        logging.getLogger("some.library").warning("three")
    assert [[line.rsplit(": ")[-1] for line in log.head] for log in (outer, inner)] == [["one", "three"], ["two"]]


def test_it_does_not_fail_for_a_line_that_cannot_be_formatted(monkeypatch: pytest.MonkeyPatch):
    """Logging swallows such a line anywhere else; here it would fail the handler that said it."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with captured() as log:
        logging.getLogger("some.library").propagate = True
        logging.getLogger("some.library").warning("it is %d degrees", "hot")
        logging.getLogger("some.library").warning("still here")
    assert [line.rsplit(": ")[-1] for line in log.head] == ["still here"]


def test_it_logs_what_is_printed_line_by_line(caplog):
    caplog.set_level(logging.INFO)
    with captured() as log, prints_logged():
        print("one\ntwo", 3, flush=True)  # noqa: T201 - what this is about
        print("no end of line", end="")  # noqa: T201 - what this is about
    assert [line.split("workers.stdout: ")[1] for line in log.head] == ["one", "two 3", "no end of line"]


def test_it_gives_standard_output_back(capsys):
    with prints_logged():
        pass
    print("seen")  # noqa: T201 - what this is about
    assert capsys.readouterr().out == "seen\n"

"""What commands write, in bounded memory."""

import logging

import pytest

from workers.masking import Mask
from workers.output import LINE_BYTES, LIVE_BYTES, TAIL_BYTES, Journal, Lines, Tail


def lines(*chunks: bytes, mask: Mask | None = None) -> list[str]:
    stream = Lines(mask or Mask())
    said = [line for chunk in chunks for line in stream.feed(chunk)]
    return said + list(stream.finish())


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ((b"a\nb\n",), ["a", "b"]),
        ((b"a", b"b\nc"), ["ab", "c"]),
        ((b"a\r\n\n",), ["a", ""]),
        (("ü".encode()[:1], "ü".encode()[1:], b"\n"), ["ü"]),
        ((b"\xff\n",), ["\ufffd"]),
        ((), []),
    ],
)
def test_it_splits_lines(chunks, said):
    assert lines(*chunks) == said


def test_it_cuts_long_lines_and_goes_on_with_the_next():
    assert lines(b"x" * 20_000, b"x" * 20_000, b"x\nnext\n") == ["x" * LINE_BYTES + " … cut", "next"]
    assert lines(b"x" * 20_000 + b"\nnext") == ["x" * LINE_BYTES + " … cut", "next"]


def test_it_hides_a_secret_that_a_cut_has_halved():
    mask = Mask(["s3cr3t-token"])
    (line,) = lines(b"x" * (LINE_BYTES - 6) + b"s3cr3t-token" + b"x" * 100, mask=mask)
    assert line.endswith("xxx*** … cut")


def test_it_hides_a_secret_that_came_in_two_chunks():
    assert lines(b"is s3cr3t", b"-token!\n", mask=Mask(["s3cr3t-token"])) == ["is ***!"]


def test_it_keeps_the_newest_lines():
    tail = Tail(10)
    for line in ("first", "second", "3"):
        tail.add(line)
    assert (tail.text(), tail.dropped_bytes) == ("second\n3", 6)


def test_it_keeps_one_line_however_long():
    tail = Tail(10)
    tail.add("x" * 100)
    assert tail.text() == "x" * 100


def test_it_logs_the_beginning_at_once_and_the_end_at_the_end(caplog):
    caplog.set_level(logging.INFO)
    journal = Journal(logging.getLogger("a"))
    for number in range(40_000):
        journal.add(logging.INFO, f"line {number}")
    live = len(caplog.messages)
    journal.finish()
    assert caplog.messages[live - 1].startswith("line")
    assert caplog.messages[live].endswith("bytes of output are left out …")
    assert caplog.messages[-1] == "line 39999"
    assert sum(map(len, caplog.messages)) < LIVE_BYTES + TAIL_BYTES


def test_it_leaves_nothing_out_where_there_is_room(caplog):
    caplog.set_level(logging.INFO)
    journal = Journal(logging.getLogger("a"))
    journal.add(logging.WARNING, "only")
    journal.finish()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("WARNING", "only")]

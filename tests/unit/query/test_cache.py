"""Answers that are kept for a while, by one process for all its threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from query import cache
from query.cache import Cache
from scheduler import clock


class Hand:
    """The monotonic clock, moved by the test."""

    second = 100.0


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    moved = Hand()
    monkeypatch.setattr(clock, "monotonic", lambda: moved.second)
    return moved


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


def test_it_keeps_an_answer_for_its_seconds(hand: Hand, numbers: Iterator[int]):
    kept: Cache[int] = Cache(2)
    first = kept.get("a", lambda: next(numbers))
    hand.second += 1.9
    assert (first, kept.get("a", lambda: next(numbers))) == (1, 1)


def test_it_works_it_out_again_after_them(hand: Hand, numbers: Iterator[int]):
    kept: Cache[int] = Cache(2)
    kept.get("a", lambda: next(numbers))
    hand.second += 2
    assert kept.get("a", lambda: next(numbers)) == 2


def test_each_key_has_an_answer_of_its_own(hand: Hand, numbers: Iterator[int]):
    kept: Cache[int] = Cache(2)
    assert [kept.get(key, lambda: next(numbers)) for key in (None, "a", None)] == [1, 2, 1]


def test_what_fails_is_not_kept(hand: Hand, numbers: Iterator[int]):
    kept: Cache[int] = Cache(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: next(numbers)) == 1


def test_it_keeps_no_more_than_so_many(hand: Hand, numbers: Iterator[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cache, "MOST_KEPT", 2)
    kept: Cache[int] = Cache(2)
    assert [kept.get(key, lambda: next(numbers)) for key in ("a", "b", "c", "a")] == [1, 2, 3, 4]


def test_those_who_come_meanwhile_wait_for_the_first(numbers: Iterator[int]):
    kept: Cache[int] = Cache(60)
    barrier = threading.Barrier(4)

    def ask() -> int:
        barrier.wait(10)
        return kept.get("a", lambda: next(numbers))

    with ThreadPoolExecutor(4) as pool:
        assert {future.result(10) for future in [pool.submit(ask) for _ in range(4)]} == {1}

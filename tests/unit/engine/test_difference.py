"""Which slots an edit adds and removes, against plain sets."""

from datetime import datetime, timedelta
from itertools import count, islice

from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.difference import Difference, difference
from scheduler.engine.schedules import parse_cron
from tests.unit.engine.schedules.cases import at, cron_texts, steady

START, END = at("2026-10-20"), at("2026-11-19")
SECOND = timedelta(seconds=1)

streams = st.sets(st.integers(0, 400), max_size=250).map(lambda seconds: [START + SECOND * s for s in sorted(seconds)])


@steady
@given(streams, streams)
def test_it_finds_what_one_set_has_and_the_other_has_not(before: list[datetime], after: list[datetime]) -> None:
    found = difference(before, after, end=END)

    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    assert found == Difference(
        tuple(added[:100]), tuple(removed[:100]), len(added), len(removed), until=END, is_bounded=False
    )


@steady
@given(cron_texts, cron_texts, st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]))
def test_it_compares_schedules_as_far_as_it_looks(one: str, other: str, zone: str) -> None:
    old, new = parse_cron(one, "Europe/Berlin"), parse_cron(other, zone)

    found = difference(old.between(START, END), new.between(START, END), end=END, most=500)

    olds, news = set(old.between(START, found.until)), set(new.between(START, found.until))
    assert (found.added_count, found.removed_count) == (len(news - olds), len(olds - news))
    assert found.added == tuple(sorted(news - olds)[:100])
    assert found.is_bounded == (found.until < END)


@steady
@given(streams, streams, st.integers(0, 300))
def test_its_counts_hold_up_to_where_it_stopped(before: list[datetime], after: list[datetime], most: int) -> None:
    found = difference(before, after, end=END, most=most)

    olds, news = {slot for slot in before if slot < found.until}, {slot for slot in after if slot < found.until}
    assert (found.added_count, found.removed_count) == (len(news - olds), len(olds - news))
    assert found.is_bounded == (len({*before, *after}) > most)


def test_it_ends_where_a_schedule_does_not() -> None:
    seconds = (START + number * SECOND for number in count())

    found = difference([], seconds, end=END)

    assert (found.added_count, found.until, found.is_bounded) == (100_000, START + 100_000 * SECOND, True)
    assert found.added == tuple(islice((START + number * SECOND for number in count()), 100))


def test_it_stops_when_it_is_told_to() -> None:
    answers = iter([True, True, False])
    seconds = [START + number * SECOND for number in range(5_000)]

    found = difference(seconds, [], end=END, goes_on=lambda: next(answers))

    assert (found.removed_count, found.until, found.is_bounded) == (2_000, START + 2_000 * SECOND, True)


def test_it_finds_nothing_between_a_schedule_and_itself() -> None:
    daily = parse_cron("0 30 2 * * ?", "Europe/Berlin")

    found = difference(daily.between(START, END), daily.between(START, END), end=END)

    assert (found.added, found.removed, found.added_count, found.removed_count) == ((), (), 0, 0)

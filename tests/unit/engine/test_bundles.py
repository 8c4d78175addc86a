"""Which executions travel together."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.bundles import LONGEST_MS, MOST, bundled
from tests.unit.engine.schedules.cases import steady


@dataclass(frozen=True)
class Item:
    """What is on its way to the queue."""

    expected_ms: float | None = 1.0
    queue: str = "default"
    priority: int = 5
    timeout_seconds: int = 60


SHORT, UNKNOWN, SLOW = Item(), Item(None), Item(5_000.0)


def sizes(items: list[Item], *, most: int = MOST) -> list[int]:
    return [len(bundle) for bundle in bundled(items, most=most)]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], []),
        ([SHORT], [1]),
        # A few go to a child each.
        ([SHORT] * 4, [1] * 4),
        ([SHORT] * 10, [3, 3, 3, 1]),
        ([SHORT] * 80, [20] * 4),
        ([SHORT] * 100, [20] * 5),
        ([UNKNOWN] * 10, [1] * 10),
        ([Item(10.0)] * 20, [5] * 4),
        ([Item(26.0)] * 20, [1] * 20),
        ([SLOW] * 3, [1] * 3),
        ([*[SHORT] * 8, SLOW], [3, 3, 2, 1]),
    ],
)
def test_it_bundles_by_number_and_time(items: list[Item], expected: list[int]):
    assert sizes(items) == expected


@pytest.mark.parametrize("other", [Item(queue="reports"), Item(priority=6), Item(timeout_seconds=61)])
def test_a_bundle_has_one_queue_priority_and_timeout(other: Item):
    mixed = [SHORT, other] * 20
    assert [len(set(bundle)) for bundle in bundled(mixed)] == [1] * len(bundled(mixed))


def test_it_can_be_switched_off():
    assert sizes([SHORT] * 100, most=1) == [1] * 100


def test_what_takes_no_time_at_all_counts_all_the_same():
    assert max(sizes([Item(0.0)] * 1_000)) == MOST


items = st.builds(
    Item,
    st.one_of(st.none(), st.floats(0, 200)),
    st.sampled_from(["default", "reports"]),
    st.sampled_from([1, 10]),
    st.sampled_from([60, 3600]),
)


@steady
@given(st.lists(items, max_size=60), st.integers(1, MOST))
def test_each_travels_once_and_no_bundle_is_too_large(ready: list[Item], most: int):
    bundles = bundled(ready, most=most)
    together = [bundle for bundle in bundles if len(bundle) > 1]
    assert Counter(one for bundle in bundles for one in bundle) == Counter(ready)
    assert [bundle for bundle in together if len(bundle) > most] == []
    assert [bundle for bundle in together if sum(one.expected_ms or LONGEST_MS for one in bundle) > LONGEST_MS] == []


@steady
@given(st.lists(items, max_size=60))
def test_it_keeps_their_order(ready: list[Item]):
    places = {id(one): place for place, one in enumerate(ready)}
    bundles = [[places[id(one)] for one in bundle] for bundle in bundled(ready)]
    assert bundles == sorted([sorted(bundle) for bundle in bundles])

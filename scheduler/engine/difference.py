"""What an edit does to a task's slots: which come and which go, found by walking along both schedules at once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

LISTED: Final = 100
# Instants that are looked at: a month of a task that fires twice a minute has 86,400.
MAX_COMPARED: Final = 100_000
_ASKED_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """The counts hold for the slots before `until`, where the walk ended; of each kind the first 100 are listed.

    `is_bounded` tells that the walk did not reach the end of what was to be compared.
    """

    added: tuple[datetime, ...]
    removed: tuple[datetime, ...]
    added_count: int
    removed_count: int
    until: datetime
    is_bounded: bool


def difference(
    before: Iterable[datetime],
    after: Iterable[datetime],
    *,
    end: datetime,
    most: int = MAX_COMPARED,
    goes_on: Callable[[], bool] = lambda: True,
) -> Difference:
    """Return which slots are in one of two ascending streams only; both end before `end`.

    The walk stops after `most` instants, or once `goes_on` says no: it is asked every 1,000 instants.
    """
    lists: dict[bool, list[datetime]] = {True: [], False: []}
    counts = {True: 0, False: 0}
    until, is_bounded = end, False
    for compared, (slot, is_new, is_old) in enumerate(_side_by_side(before, after)):
        if compared == most or (compared % _ASKED_EVERY == 0 and not goes_on()):
            until, is_bounded = slot, True
            break
        if is_new != is_old:
            counts[is_new] += 1
            if counts[is_new] <= LISTED:
                lists[is_new].append(slot)
    return Difference(tuple(lists[True]), tuple(lists[False]), counts[True], counts[False], until, is_bounded)


def _side_by_side(before: Iterable[datetime], after: Iterable[datetime]) -> Iterator[tuple[datetime, bool, bool]]:
    """Yield each instant of two ascending streams, with whether it is in the second and whether in the first."""
    olds, news = iter(before), iter(after)
    old, new = next(olds, None), next(news, None)
    while old is not None and new is not None:
        slot = min(old, new)
        is_old, is_new = old == slot, new == slot
        yield slot, is_new, is_old
        old = next(olds, None) if is_old else old
        new = next(news, None) if is_new else new
    yield from ((slot, False, True) for slot in _rest(old, olds))
    yield from ((slot, True, False) for slot in _rest(new, news))


def _rest(first: datetime | None, others: Iterator[datetime]) -> Iterator[datetime]:
    if first is not None:
        yield first
        yield from others

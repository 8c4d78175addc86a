"""The wall clock of a zone: what it shows at an instant, and when it shows a wall time.

Instants and wall times are whole seconds since 1970. Two changes of one zone are taken to be further
apart than a probe and than either's size; the closest pair in tzdata since 1970 is almost seven days apart.
"""

from bisect import bisect_left, bisect_right
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from scheduler.engine.schedules.errors import InvalidSchedule
from scheduler.engine.schedules.instants import DAY

ZONE_FIELD: Final = "timeZone"

# A block of offsets is worked out at once, with a margin wider than any offset (under 24 h) and change.
_BLOCK: Final = 400 * DAY
_MARGIN: Final = 4 * DAY
_PROBE: Final = 3 * DAY

# Names of the tz database's files that are no places: this machine's own zone, and "not set up yet".
_NO_ZONES: Final = frozenset({"localtime", "Factory"})


class Piece(NamedTuple):
    """A stretch of instants with one offset: start <= instant < end."""

    start: int
    end: int
    offset: int
    shown: int  # wall times below this one have been shown before the piece starts
    wall_start: int
    wall_end: int


class _Block(NamedTuple):
    starts: list[int]
    wall_starts: list[int]
    wall_ends: list[int]
    pieces: list[Piece]


class WallClock:
    """Offsets of one zone, worked out when they are first needed."""

    __slots__ = ("_zone",)

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def piece_at(self, instant: int) -> Piece:
        """Return the piece that holds an instant."""
        block = _block(self._zone, instant // _BLOCK)
        return block.pieces[bisect_right(block.starts, instant) - 1]

    def piece_first_showing(self, wall: int) -> Piece:
        """Return the first piece to show a wall time, or the one that begins after the gap it fell into."""
        block = _block(self._zone, wall // _BLOCK)
        return block.pieces[bisect_right(block.wall_ends, wall)]

    def piece_last_showing(self, wall: int) -> Piece:
        """Return the last piece to show a wall time, or the one that ends before the gap it fell into."""
        block = _block(self._zone, wall // _BLOCK)
        return block.pieces[bisect_right(block.wall_starts, wall) - 1]

    def latest_shown(self, instant: int) -> int:
        """Return the greatest wall time shown up to an instant; setting the clock back does not lower it."""
        piece = self.piece_at(instant)
        return max(instant + piece.offset, piece.shown - 1)


def require_zone(name: str) -> None:
    """Raise InvalidSchedule for the field timeZone unless the IANA time zone database has this name."""
    if name in _zone_names():
        return
    by_lower = {known.lower(): known for known in sorted(_zone_names())}
    wanted = name.strip().lower().replace(" ", "_")
    meant = [by_lower[wanted]] if wanted in by_lower else []
    meant += [known for lower, known in by_lower.items() if lower.rpartition("/")[2] == wanted]
    meant += [by_lower[lower] for lower in get_close_matches(wanted[:50], by_lower, 1, 0.75)]
    remedy = f"did you mean {meant[0]}?" if meant else "use an IANA name such as Europe/Berlin or UTC."
    raise InvalidSchedule(ZONE_FIELD, "invalid", f"Unknown time zone {name[:50]!r}; {remedy}")


@lru_cache(maxsize=1024)
def wall_clock(name: str) -> WallClock:
    """Return the clock of a zone; raises InvalidSchedule for the field timeZone."""
    require_zone(name)
    return WallClock(ZoneInfo(name))


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


@lru_cache(maxsize=8192)
def _block(zone: ZoneInfo, number: int) -> _Block:
    begin, stop = number * _BLOCK - _MARGIN, (number + 1) * _BLOCK + _MARGIN
    starts = [begin, *_changes(zone, begin, stop)]
    pieces: list[Piece] = []
    for start, end in zip(starts, [*starts[1:], stop], strict=True):
        offset = _offset(zone, start)
        shown = pieces[-1].wall_end if pieces else start + offset
        pieces.append(Piece(start, end, offset, shown, start + offset, end + offset))
    return _Block(starts, [piece.wall_start for piece in pieces], [piece.wall_end for piece in pieces], pieces)


def _changes(zone: ZoneInfo, begin: int, stop: int) -> list[int]:
    """Return the instants in a range at which the offset changes; zoneinfo does not list them."""
    found = []
    before = _offset(zone, begin)
    for probe in range(begin, stop, _PROBE):
        last = min(probe + _PROBE, stop - 1)
        after = _offset(zone, last)
        if after != before:
            candidates = range(probe + 1, last + 1)
            found.append(candidates[_first_with_other_offset(zone, candidates, before)])
            before = after
    return found


def _first_with_other_offset(zone: ZoneInfo, instants: range, offset: int) -> int:
    return bisect_left(instants, True, key=lambda instant: _offset(zone, instant) != offset)


def _offset(zone: ZoneInfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    return round(offset.total_seconds()) if offset else 0

"""Cron schedules: a cron text's wall times, carried to instants by the rule for clock changes (docs/schedules.md).

The search is our own because croniter takes 16 to 35 us for a slot and reads a third of Quartz's texts
wrongly or not at all; the tests hold this engine against croniter wherever croniter is right.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Final

from scheduler.engine.schedules.crontext import CronText
from scheduler.engine.schedules.errors import malformed_cron
from scheduler.engine.schedules.fields import FIRST_YEAR, LAST_YEAR
from scheduler.engine.schedules.instants import DAY, instant_of, seconds_of, seconds_up_to
from scheduler.engine.schedules.quartz import parse_quartz
from scheduler.engine.schedules.unix import parse_macro, parse_unix
from scheduler.engine.schedules.wallclock import WallClock, require_zone, wall_clock
from scheduler.engine.schedules.walltimes import WallTimes

MAX_LENGTH: Final = 100
_CACHE_SIZE: Final = 20_000

# No slot lies outside these instants, whatever the zone; searches begin and end here.
_LOW: Final = seconds_of(datetime.fromisoformat(f"{FIRST_YEAR}-01-01T00:00:00Z")) - 2 * DAY
_HIGH: Final = seconds_of(datetime.fromisoformat(f"{LAST_YEAR + 1}-01-01T00:00:00Z")) + 2 * DAY


class CronSchedule:
    """Slots of a cron text in a time zone; immutable, so it may be shared and cached.

    A slot is a whole second. Texts reach from 1970 to 2199, so every search is bounded.
    """

    __slots__ = ("clock", "expression", "is_open", "time_zone", "walls")

    expression: str
    time_zone: str
    is_open: bool
    walls: WallTimes
    clock: WallClock

    def __init__(self, expression: str, time_zone: str) -> None:
        """Read the text; raises InvalidSchedule for cronExpression or timeZone."""
        said = _read(expression)
        self.expression = expression
        self.time_zone = time_zone
        self.is_open = said.is_open
        self.walls = said.walls
        self.clock = wall_clock(time_zone)

    def __repr__(self) -> str:
        return f"CronSchedule({self.expression!r}, {self.time_zone!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CronSchedule):
            return NotImplemented
        return (self.expression, self.time_zone) == (other.expression, other.time_zone)

    def __hash__(self) -> int:
        return hash((self.expression, self.time_zone))

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant, or None if there is none up to 2199."""
        after = min(max(seconds_of(instant), _LOW), _HIGH)
        found = self._open_next(after) if self.is_open else self._fixed_next(after)
        return None if found is None else instant_of(found)

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant, or None if there is none since 1970."""
        until = min(max(seconds_of(instant), _LOW), _HIGH)
        found = self._open_latest(until) if self.is_open else self._fixed_latest(until)
        return None if found is None else instant_of(found)

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield the slots with start <= slot < end, ascending, at most `limit` of them."""
        first = min(max(seconds_up_to(start), _LOW), _HIGH)
        stop = min(max(seconds_up_to(end), _LOW), _HIGH)
        found = self._open_between(first, stop) if self.is_open else self._fixed_between(first, stop)
        return islice(map(instant_of, found), limit)

    # Fixed: every matching wall time counts once, when the clock first shows it or a later one. Wall times
    # up to `latest_shown` have had their turn, which settles gaps and second passes alike.

    def _fixed_next(self, after: int) -> int | None:
        wall = self.walls.first_from(self.clock.latest_shown(after) + 1)
        return None if wall is None else self._first_shown(wall)

    def _fixed_latest(self, until: int) -> int | None:
        wall = self.walls.last_to(self.clock.latest_shown(until))
        return None if wall is None else self._first_shown(wall)

    def _first_shown(self, wall: int) -> int:
        piece = self.clock.piece_first_showing(wall)
        return max(wall - piece.offset, piece.start)

    def _fixed_between(self, start: int, stop: int) -> Iterator[int]:
        clock = self.clock
        first_wall, stop_wall = clock.latest_shown(start - 1) + 1, clock.latest_shown(stop - 1) + 1
        piece = clock.piece_first_showing(first_wall)
        previous = start - 1
        for wall in self.walls.between(first_wall, stop_wall):
            if wall >= piece.wall_end:
                piece = clock.piece_first_showing(wall)
            slot = wall - piece.offset
            if slot < piece.start:
                slot = piece.start
            if slot > previous:
                yield slot
                previous = slot

    # Open: every instant at which the clock shows a matching wall time counts, so each piece of the clock
    # is searched for itself.

    def _open_next(self, after: int) -> int | None:
        clock, walls = self.clock, self.walls
        piece = clock.piece_at(after)
        wall = walls.first_from(after + 1 + piece.offset)
        if wall is None or wall >= piece.wall_end:
            # The next piece may show again what lies before `wall`; all later ones begin beyond that.
            start = piece.end
            piece = clock.piece_at(start)
            wall = walls.first_from(start + piece.offset)
        while wall is not None and not piece.wall_start <= wall < piece.wall_end:
            piece = clock.piece_first_showing(wall)
            wall = walls.first_from(max(wall, piece.wall_start))
        return None if wall is None else wall - piece.offset

    def _open_latest(self, until: int) -> int | None:
        clock, walls = self.clock, self.walls
        piece = clock.piece_at(until)
        wall = walls.last_to(until + piece.offset)
        if wall is None or wall < piece.wall_start:
            # The mirror of the above: the piece before may have shown what lies after `wall`.
            end = piece.start - 1
            piece = clock.piece_at(end)
            wall = walls.last_to(end + piece.offset)
        while wall is not None and not piece.wall_start <= wall < piece.wall_end:
            piece = clock.piece_last_showing(wall)
            wall = walls.last_to(min(wall, piece.wall_end - 1))
        return None if wall is None else wall - piece.offset

    def _open_between(self, start: int, stop: int) -> Iterator[int]:
        while start < stop:
            piece = self.clock.piece_at(start)
            end = min(piece.end, stop)
            for wall in self.walls.between(start + piece.offset, end + piece.offset):
                yield wall - piece.offset
            start = end


def parse_cron(expression: str, time_zone: str) -> CronSchedule:
    """Return the schedule of a cron text in an IANA zone; equal arguments share one object.

    Five fields are Unix cron, six or seven are Quartz, @hourly … @yearly are Unix macros (docs/schedules.md).
    Raises InvalidSchedule for cronExpression or timeZone.
    """
    return _cached_cron(expression, time_zone)


def require_cron(expression: str) -> None:
    """Raise InvalidSchedule for what is no cron text in any zone."""
    _read(expression)


@lru_cache(maxsize=_CACHE_SIZE)
def _cached_cron(expression: str, time_zone: str) -> CronSchedule:
    require_zone(time_zone)
    return CronSchedule(expression, time_zone)


@lru_cache(maxsize=_CACHE_SIZE)
def _read(expression: str) -> CronText:
    if len(expression) > MAX_LENGTH:
        raise malformed_cron(
            f"The expression has {len(expression)} characters; use at most {MAX_LENGTH}, or several tasks."
        )
    line = expression.replace("\t", " ")
    if not (line.isascii() and line.isprintable()):
        raise malformed_cron("The expression has signs that cron does not know; use one line of plain ASCII.")
    texts = line.upper().split()
    if len(texts) == 1 and texts[0].startswith("@"):
        return parse_macro(texts[0])
    if len(texts) == 5:
        return parse_unix(texts)
    if len(texts) in (6, 7):
        return parse_quartz(texts)
    raise malformed_cron(
        f"There are {len(texts)} fields; write 5 (Unix, minute first) or 6 or 7 (Quartz, second first)."
    )

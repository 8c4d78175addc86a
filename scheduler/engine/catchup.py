"""Catch-up after an outage: at which rate what was missed goes, and when somebody has to approve it."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

# The claims that find an outage go on finding: the first looks are for counting.
SETTLES: Final = timedelta(seconds=2)
# What a pause of the runner has saved up is no more than so much: a budget is not caught up on.
SAVED_UP: Final = timedelta(seconds=2)
# Nothing has waited for so long: then it is over. Far longer than a claim's transaction may take.
IDLE: Final = timedelta(seconds=60)


class Budget(NamedTuple):
    """How many may go now, and up to when the budget is used then."""

    going: int
    used_until: datetime


def budget(*, used_until: datetime, per_second: float, now: datetime, most: int) -> Budget:
    """Return how many may go now at so many a second, `most` at most; 0 a second lets none go."""
    if per_second <= 0:
        return Budget(0, now)
    since = max(used_until, now - SAVED_UP)
    count = min(int((now - since).total_seconds() * per_second), most)
    return Budget(count, min(since + count / per_second * timedelta(seconds=1), now))


def needs_approval(*, total: int, above: int | None, is_approved: bool) -> bool:
    """Tell whether somebody has to approve a catch-up of so many executions before more of it goes."""
    return not is_approved and above is not None and total > above


def estimated_end(*, held: int, per_second: float, now: datetime) -> datetime | None:
    """Return when the last of what is held will have gone; None where nothing goes."""
    return now + held / per_second * timedelta(seconds=1) if per_second > 0 else None

"""What a recorded slot may do now: run, wait or be left out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from scheduler.engine.states import GATED, Reason, Status, Trigger

# Whose end lets a held row go also wakes it; this is how often somebody looks all the same.
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=60)

# Slots of one catch-up or backfill neither skip nor cancel each other: they run one after another.
TURN_TAKERS = frozenset({Trigger.CATCH_UP, Trigger.BACKFILL})


@dataclass(frozen=True, slots=True)
class Admission:
    """The status a new row is born with, why where it does not run at once, and whether what is open is cancelled.

    `held_by` is the key that holds it, or left it out.
    """

    status: Status
    reason: Reason | None = None
    cancels: bool = False
    held_by: str | None = None


ADMITTED = Admission(Status.QUEUED)
# Overlaps and limits are decided once its dependencies are met: until then it neither runs nor is in anybody's way.
AWAITING = Admission(Status.SCHEDULED, Reason.DEPENDENCY)
_HELD = Admission(Status.SCHEDULED, Reason.OVERLAP)
_SKIPPED = Admission(Status.SKIPPED, Reason.OVERLAP)
_CANCELLING = Admission(Status.SCHEDULED, Reason.OVERLAP, cancels=True)


class Hindrance(NamedTuple):
    """What keeps an execution from going; `key` is the one that does. With `skips` a new one does not run at all."""

    reason: Reason
    key: str | None = None
    skips: bool = False


# Takes whatever else an execution needs, or nothing at all and says what is in the way.
Take = Callable[[], Hindrance | None]

_AT_LIMIT = Hindrance(Reason.LIMIT)
_BY_OVERLAP = Hindrance(Reason.OVERLAP)


def take_nothing() -> Hindrance | None:
    """Be content: nothing else limits."""
    return None


class Hold(Protocol):
    """What release asks of a SCHEDULED row."""

    @property
    def reason(self) -> str | None: ...

    @property
    def trigger(self) -> Trigger: ...


@dataclass(slots=True)
class Standing:
    """What one task has open, as long as its row is locked: two schedulers cannot both find it idle.

    `active` are QUEUED, RUNNING or about to be tried again; `waiting` are held until those have ended; `turns` are
    slots of a catch-up or backfill that wait for their turn, which do not make the task busy; `taken` are QUEUED or
    RUNNING, which maxConcurrency counts.
    """

    active: int = 0
    waiting: int = 0
    turns: int = 0
    taken: int = 0

    @property
    def is_busy(self) -> bool:
        """Tell whether a newcomer meets its overlapPolicy."""
        return self.active + self.waiting > 0

    def admit(
        self, overlap_policy: str, trigger: Trigger, *, limit: int | None = None, take: Take = take_nothing
    ) -> Admission:
        """Decide on one more execution of the task, and count it (overlapPolicy and maxConcurrency).

        `limit` is maxConcurrency; `take` takes the permits that it needs besides, or says what is in the way.
        """
        admission = self._decide(overlap_policy, takes_turns=trigger in TURN_TAKERS)
        if admission is ADMITTED and (hindrance := self._hindrance(limit, take)) is not None:
            status = Status.SKIPPED if hindrance.skips else Status.SCHEDULED
            admission = Admission(status, hindrance.reason, held_by=hindrance.key)
        if admission.cancels:
            self.active = self.waiting = 0
        if admission.status is not Status.SKIPPED:
            self._count(admission, trigger)
        return admission

    def _count(self, admission: Admission, trigger: Trigger) -> None:
        if admission.status is Status.QUEUED:
            self.active, self.taken = self.active + 1, self.taken + 1
        elif admission.reason is Reason.LIMIT or admission.reason in GATED:
            self.active += 1
        elif trigger in TURN_TAKERS:
            self.turns += 1
        else:
            self.waiting += 1

    def _decide(self, overlap_policy: str, *, takes_turns: bool) -> Admission:
        if overlap_policy == "ALLOW":
            return ADMITTED
        if takes_turns:
            return _HELD if self.is_busy or self.turns else ADMITTED
        if not self.is_busy:
            return ADMITTED
        if overlap_policy == "CANCEL_RUNNING":
            return _CANCELLING
        return _HELD if overlap_policy == "QUEUE" and self.waiting == 0 else _SKIPPED

    def release(
        self, held: Hold, *, overlap_policy: str, limit: int | None = None, take: Take = take_nothing
    ) -> Hindrance | None:
        """Return what is in the way of a held row; where nothing is, it is counted. Fresh slots go before turn takers.

        What a key holds has passed the overlap: it is in the way of others as what runs is.
        """
        takes_turns = held.trigger in TURN_TAKERS
        is_overlap = held.reason == Reason.OVERLAP
        if is_overlap and overlap_policy != "ALLOW":
            if self.active or (takes_turns and self.waiting):
                return _BY_OVERLAP
        hindrance = self._hindrance(limit, take)
        if is_overlap and (hindrance is None or hindrance.reason in GATED):
            self.turns, self.waiting = self.turns - takes_turns, self.waiting - (not takes_turns)
            self.active += 1
        self.taken += hindrance is None
        return hindrance

    def _hindrance(self, limit: int | None, take: Take) -> Hindrance | None:
        return take() if limit is None or self.taken < limit else _AT_LIMIT


def next_look(now: datetime, *, since: datetime) -> datetime:
    """Return when to look again at a row that has been held since `since`: after 1 s, doubling up to 60 s."""
    return now + min(max(now - since, FIRST_WAIT), LONGEST_WAIT)

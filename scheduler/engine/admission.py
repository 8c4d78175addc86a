"""What a recorded slot may do now: run, wait or be left out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from scheduler.engine.states import Reason, Status, Trigger

# Whose end lets a held row go also wakes it; this is how often somebody looks all the same.
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=60)

# Slots of one catch-up or backfill neither skip nor cancel each other: they run one after another (contract §4).
TURN_TAKERS = frozenset({Trigger.CATCH_UP, Trigger.BACKFILL})


@dataclass(frozen=True, slots=True)
class Admission:
    """The status a new row is born with, why where it does not run at once, and whether what is open is cancelled."""

    status: Status
    reason: Reason | None = None
    cancels: bool = False


ADMITTED = Admission(Status.QUEUED)
# Overlaps and limits are decided once its dependencies are met: until then it neither runs nor is in anybody's way.
AWAITING = Admission(Status.SCHEDULED, Reason.DEPENDENCY)
_LIMITED = Admission(Status.SCHEDULED, Reason.LIMIT)
_HELD = Admission(Status.SCHEDULED, Reason.OVERLAP)
_SKIPPED = Admission(Status.SKIPPED, Reason.OVERLAP)
_CANCELLING = Admission(Status.SCHEDULED, Reason.OVERLAP, cancels=True)


Take = Callable[[], bool]


def take_nothing() -> bool:
    """Be content: nothing else limits."""
    return True


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
        """Decide on one more execution of the task, and count it (contract §4, overlapPolicy and maxConcurrency).

        `limit` is maxConcurrency; `take` takes the permits that it needs besides, or returns False.
        """
        admission = self._decide(overlap_policy, takes_turns=trigger in TURN_TAKERS)
        if admission is ADMITTED and not self._is_within(limit, take):
            admission = _LIMITED
        if admission.cancels:
            self.active = self.waiting = 0
        if admission.status is Status.QUEUED:
            self.active, self.taken = self.active + 1, self.taken + 1
        elif admission.reason is Reason.LIMIT:
            self.active += 1
        elif admission.status is Status.SCHEDULED and trigger in TURN_TAKERS:
            self.turns += 1
        elif admission.status is Status.SCHEDULED:
            self.waiting += 1
        return admission

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

    def release(self, held: Hold, *, overlap_policy: str, limit: int | None = None, take: Take = take_nothing) -> bool:
        """Tell whether a held row may go, and count it then. Fresh slots go before those that take turns."""
        takes_turns = held.trigger in TURN_TAKERS
        if held.reason == Reason.OVERLAP and overlap_policy != "ALLOW":
            if self.active or (takes_turns and self.waiting):
                return False
        if not self._is_within(limit, take):
            return False
        if held.reason == Reason.OVERLAP:
            self.turns, self.waiting = self.turns - takes_turns, self.waiting - (not takes_turns)
            self.active += 1
        self.taken += 1
        return True

    def _is_within(self, limit: int | None, take: Take) -> bool:
        return (limit is None or self.taken < limit) and take()


def next_look(now: datetime, *, since: datetime) -> datetime:
    """Return when to look again at a row that has been held since `since`: after 1 s, doubling up to 60 s."""
    return now + min(max(now - since, FIRST_WAIT), LONGEST_WAIT)

"""What a reader of another system's schedules hands on: tasks, and what it leaves out, each with its place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from register.formats.record import Record
from scheduler.errors import Fault

LABEL = "imported-from"


class Was(Protocol):
    """When the other system would fire a job, by a reading of its own; hashable, for many jobs share a schedule."""

    @property
    def system(self) -> str:
        """What the other system is called beside `here`."""

    @property
    def time_zone(self) -> str:
        """The IANA zone in which the job's times are meant."""

    def slots(self, *, after: datetime, until: datetime, count: int) -> list[datetime]:
        """Return its first `count` slots with after < slot <= until, ascending."""


@dataclass(frozen=True, slots=True)
class Item:
    """One job as a record; `was` tells its slots there, `notes` what is different here or must be prepared."""

    record: Record
    was: Was | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A job that need not be carried over, and why: it does not run there either, or it is no job of the users."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the whole source that is told once, however many jobs it concerns."""

    text: str


Read = Item | LeftOut | Remark


def refused(place: str, *reasons: str) -> Item:
    """Return a job that cannot be carried over, with what to do about each reason."""
    return Item(Record(None, tuple(Fault("", "refused", reason) for reason in reasons), place))


def item(fields: dict[str, Any], place: str, *, was: Was | None = None, notes: tuple[str, ...] = ()) -> Item:
    """Return a job that is carried over; fields that are None are left out."""
    return Item(Record({name: value for name, value in fields.items() if value is not None}, (), place), was, notes)

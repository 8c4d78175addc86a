"""Who acts: said once at the edge of the process, read by whatever writes down who did something.

A context variable and no argument: every verb of every app would hand it on untouched, down to the room that writes it.
What nobody has asked for is the platform's own doing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from scheduler.models.choices import Via


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something: `address` is where from, None where it is not known, `reason` is why, if they said so."""

    name: str
    via: Via
    token_id: int | None = None
    address: str | None = None
    reason: str | None = None


PLATFORM = Actor("platform", Via.PLATFORM)

_current: ContextVar[Actor] = ContextVar("scheduler_actor", default=PLATFORM)


def current() -> Actor:
    """Return who acts."""
    return _current.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Have somebody act inside the block, whoever takes his place there."""
    before = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(before)


@contextmanager
def as_command(name: str) -> Iterator[None]:
    """Have a command of manage.py act inside the block."""
    with acting(Actor(name, Via.COMMAND)):
        yield


def by_token(name: str, *, token_id: int) -> None:
    """Note whose token came with the request that is being answered; where none is, there is nobody to name."""
    if _current.get() is not PLATFORM:
        _current.set(replace(_current.get(), name=name, via=Via.API, token_id=token_id))

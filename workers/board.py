"""The board: shared memory in which each child notes what it runs, and has won besides, for the reporter to read."""

import fcntl
import mmap
import os
import struct
import tempfile
import weakref
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from scheduler import clock
from scheduler.engine.bundles import MOST

SLOTS = 256

# A child that goes on so soon needs no lock: what waits is taken from it later than that, and never sooner.
UNDISTURBED_SECONDS = 0.1
TAKEN_AFTER_SECONDS = 0.14

# An execution won, and the fence that proves it.
Won = tuple[UUID, int]

# Words of the whole worker, each written by one process alone.
_SECOND = struct.Struct("d")
_FLAG = struct.Struct("q")
_SEEN_OFFSET, _DRAINING_OFFSET, _OVER_OFFSET = 0, 8, 16
_HEADER_SIZE = 64
_HEAD = struct.Struct("q q d d q q")
# Of all that was won, then of the head: what a child writes when it goes on is the head and this.
_CHECK = struct.Struct("L")
_WON = struct.Struct("16s q")
_WON_OFFSET = _HEAD.size + _CHECK.size
# Behind what a child writes: the reporter's own words to it, each the number of what they are meant for.
_WORD = struct.Struct("q")
_CANCEL_OFFSET = _WON_OFFSET + MOST * _WON.size
_TAKEN_OFFSET = _CANCEL_OFFSET + _WORD.size
_SLOT_SIZE = _TAKEN_OFFSET + _WORD.size


@dataclass(frozen=True, slots=True)
class Note:
    """What child `pid` in `slot` runs since `begun_at`; `deadline` is the monotonic second at which it is killed.

    `waiting` is what it has won and not begun.
    """

    slot: int
    pid: int
    sequence: int
    deadline: float
    execution: UUID
    fence: int
    begun_at: float = field(default=0.0, compare=False)
    waiting: tuple[Won, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class _Written:
    """A slot as its child wrote it; `position` tells which of the `won` runs, `sequence` counts them all."""

    pid: int
    sequence: int
    deadline: float
    begun_at: float
    position: int
    count: int
    packed: bytes  # the `won`, which only the reporter has to read

    @property
    def slice(self) -> int:
        """The number of the first of them, which no other slice of this slot has."""
        return self.sequence - self.position

    @property
    def won(self) -> list[Won]:
        """All that was won at once, (execution, fence)."""
        places = (_WON.unpack_from(self.packed, place * _WON.size) for place in range(self.count))
        return [(UUID(bytes=execution), fence) for execution, fence in places]


class Board:
    """One slot a child. Made before the fork; each slot is written by one child and read by the reporter."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._memory = mmap.mmap(-1, _HEADER_SIZE + slots * _SLOT_SIZE)
        with tempfile.TemporaryFile() as file:
            # Its bytes are locked, one a slot: such locks end with the process that holds them, however it ends.
            self.descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.descriptor)

    @property
    def reporter_seen_at(self) -> float:
        """Monotonic second of the reporter's last turn."""
        seen: float = _SECOND.unpack_from(self._memory, _SEEN_OFFSET)[0]
        return seen

    @reporter_seen_at.setter
    def reporter_seen_at(self, second: float) -> None:
        _SECOND.pack_into(self._memory, _SEEN_OFFSET, second)

    @property
    def is_draining(self) -> bool:
        """Tell whether the worker is to end, so that nothing more may begin."""
        return bool(_FLAG.unpack_from(self._memory, _DRAINING_OFFSET)[0])

    def drain(self) -> None:
        """Have the children begin nothing more."""
        _FLAG.pack_into(self._memory, _DRAINING_OFFSET, True)

    @property
    def is_over(self) -> bool:
        """Tell whether the children are gone, so that nothing more comes."""
        return bool(_FLAG.unpack_from(self._memory, _OVER_OFFSET)[0])

    def end(self) -> None:
        """Have the reporter write what is left, and take leave."""
        _FLAG.pack_into(self._memory, _OVER_OFFSET, True)

    def put(
        self, slot: int, *, pid: int, deadline: float, execution: UUID, fence: int, waiting: Sequence[Won] = ()
    ) -> None:
        """Note that the child in `slot` begins `execution`, and what else it has won at once: less than MOST."""
        packed = b"".join(_WON.pack(one.bytes, number) for one, number in ((execution, fence), *waiting))
        head = _HEAD.pack(pid, self._sequence(slot) + 1, deadline, clock.monotonic(), 0, 1 + len(waiting))
        self._write(slot, head, packed)

    def go_on(self, slot: int, *, deadline: float) -> bool:
        """Note that the child in `slot` begins the next of what it has won; False where the reporter has taken it.

        What the reporter saw may be some milliseconds old, and so may what the child sees: within
        UNDISTURBED_SECONDS of the last beginning neither needs to know of the other, later a lock decides.
        """
        offset = self._offset(slot)
        pid, sequence, _, begun_at, position, count = _HEAD.unpack_from(self._memory, offset)
        head = _HEAD.pack(pid, sequence + 1, deadline, clock.monotonic(), position + 1, count)
        packed = self._memory[offset + _WON_OFFSET : offset + _WON_OFFSET + count * _WON.size]
        self._memory[offset : offset + _WON_OFFSET] = head + _check(head, packed)
        if clock.monotonic() - begun_at < UNDISTURBED_SECONDS:
            return True
        first: int = sequence - position
        with self._locked(slot):
            return self._word(slot, _TAKEN_OFFSET) != first

    def take(self, note: Note) -> tuple[Won, ...]:
        """Take from a child what it has won and not begun, where it still runs what `note` says and has for long."""
        with self._locked(note.slot):
            if clock.monotonic() - note.begun_at < TAKEN_AFTER_SECONDS or note not in self.running():
                return ()
            _WORD.pack_into(self._memory, self._offset(note.slot) + _TAKEN_OFFSET, self._read(note.slot).slice)
            return note.waiting

    def taken(self) -> Iterator[Won]:
        """Yield what has been taken from children that still run what it waited behind."""
        for note in self.running():
            now = self._read(note.slot)
            if self._word(note.slot, _TAKEN_OFFSET) == now.slice:
                yield from now.won[now.position + 1 :]

    def clear(self, slot: int) -> None:
        """Note that the child in `slot` runs nothing."""
        self._write(slot, _HEAD.pack(0, self._sequence(slot), 0.0, 0.0, 0, 0), b"")

    def running(self) -> Iterator[Note]:
        """Yield what the children run; a slot that is being written at this instant comes the next time."""
        for slot in range(self._slots):
            if not _WORD.unpack_from(self._memory, self._offset(slot))[0]:
                continue
            # One copy of the slot, its check included: what is read must be what was checked.
            copy = self._memory[self._offset(slot) : self._offset(slot) + _CANCEL_OFFSET]
            now = _unpack(copy)
            if copy[_HEAD.size : _WON_OFFSET] == _check(copy[: _HEAD.size], now.packed):
                yield from self._notes(slot, now)

    def ask_cancel(self, note: Note) -> None:
        """Ask the child to end what `note` says; what it has gone on to is not meant."""
        _WORD.pack_into(self._memory, self._offset(note.slot) + _CANCEL_OFFSET, note.sequence)

    def is_cancel_asked(self, slot: int) -> bool:
        """Tell the child in `slot` whether what it runs now is to end."""
        return self._word(slot, _CANCEL_OFFSET) == self._sequence(slot) != 0

    def _notes(self, slot: int, now: _Written) -> Iterator[Note]:
        if now.pid:
            won = now.won
            execution, fence = won[now.position]
            is_taken = self._word(slot, _TAKEN_OFFSET) == now.slice
            waiting = () if is_taken else tuple(won[now.position + 1 :])
            yield Note(slot, now.pid, now.sequence, now.deadline, execution, fence, now.begun_at, waiting)

    def _sequence(self, slot: int) -> int:
        sequence: int = _HEAD.unpack_from(self._memory, self._offset(slot))[1]
        return sequence

    def _word(self, slot: int, offset: int) -> int:
        word: int = _WORD.unpack_from(self._memory, self._offset(slot) + offset)[0]
        return word

    def _read(self, slot: int) -> _Written:
        return _unpack(self._memory[self._offset(slot) : self._offset(slot) + _CANCEL_OFFSET])

    def _write(self, slot: int, head: bytes, packed: bytes) -> None:
        # The copy is not atomic; the check says whether all of it belongs together.
        written = head + _check(head, packed) + packed
        offset = self._offset(slot)
        self._memory[offset : offset + len(written)] = written

    @contextmanager
    def _locked(self, slot: int) -> Iterator[None]:
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX, 1, slot)
        try:
            yield
        finally:
            fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, slot)

    @staticmethod
    def _offset(slot: int) -> int:
        return _HEADER_SIZE + slot * _SLOT_SIZE


def _unpack(copy: bytes) -> _Written:
    pid, sequence, deadline, begun_at, position, count = _HEAD.unpack_from(copy)
    packed = copy[_WON_OFFSET : _WON_OFFSET + count * _WON.size]
    return _Written(pid, sequence, deadline, begun_at, position, count, packed)


def _check(head: bytes, packed: bytes) -> bytes:
    return _CHECK.pack(zlib.crc32(head, zlib.crc32(packed)))

"""The board: shared memory in which each child notes what it runs, for the reporter to read."""

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

SLOTS = 256

_HEADER = struct.Struct("d")
_SLOT = struct.Struct("q q d 16s q")
_CHECK = struct.Struct("L")
_HEADER_SIZE = 64
_CANCEL = struct.Struct("q")
_CANCEL_OFFSET = 56  # behind a slot and its check: written by the reporter, read by the child
_SLOT_SIZE = 64


@dataclass(frozen=True, slots=True)
class Note:
    """What child `pid` in `slot` runs; `deadline` is the monotonic second at which it is killed."""

    slot: int
    pid: int
    sequence: int
    deadline: float
    execution: UUID
    fence: int


class Board:
    """One slot a child. Made before the fork; each slot is written by one child and read by the reporter."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEADER_SIZE + SLOTS * _SLOT_SIZE)

    @property
    def reporter_seen_at(self) -> float:
        """Monotonic second of the reporter's last turn."""
        seen: float = _HEADER.unpack_from(self._memory, 0)[0]
        return seen

    @reporter_seen_at.setter
    def reporter_seen_at(self, second: float) -> None:
        _HEADER.pack_into(self._memory, 0, second)

    def put(self, slot: int, *, pid: int, deadline: float, execution: UUID, fence: int) -> None:
        """Note that the child in `slot` begins `execution`."""
        self._write(slot, pid, self._sequence(slot) + 1, deadline, execution.bytes, fence)

    def clear(self, slot: int) -> None:
        """Note that the child in `slot` runs nothing."""
        self._write(slot, 0, self._sequence(slot), 0.0, bytes(16), 0)

    def running(self) -> Iterator[Note]:
        """Yield what the children run; a slot that is being written at this instant comes the next time."""
        for slot in range(SLOTS):
            offset = self._offset(slot)
            # One copy of the slot, its check included: what is read must be what was checked.
            copy = self._memory[offset : offset + _SLOT.size + _CHECK.size]
            pid, sequence, deadline, execution, fence = _SLOT.unpack_from(copy)
            if pid and _CHECK.unpack_from(copy, _SLOT.size)[0] == zlib.crc32(copy[: _SLOT.size]):
                yield Note(slot, pid, sequence, deadline, UUID(bytes=execution), fence)

    def ask_cancel(self, note: Note) -> None:
        """Ask the child to end what `note` says; what it has gone on to is not meant."""
        _CANCEL.pack_into(self._memory, self._offset(note.slot) + _CANCEL_OFFSET, note.sequence)

    def is_cancel_asked(self, slot: int) -> bool:
        """Tell the child in `slot` whether what it runs now is to end."""
        asked: int = _CANCEL.unpack_from(self._memory, self._offset(slot) + _CANCEL_OFFSET)[0]
        return asked == self._sequence(slot) != 0

    def _sequence(self, slot: int) -> int:
        sequence: int = _SLOT.unpack_from(self._memory, self._offset(slot))[1]
        return sequence

    def _write(self, slot: int, pid: int, sequence: int, deadline: float, execution: bytes, fence: int) -> None:
        # The copy is not atomic; the check says whether all of it belongs together.
        values = _SLOT.pack(pid, sequence, deadline, execution, fence)
        offset = self._offset(slot)
        self._memory[offset : offset + _SLOT.size + _CHECK.size] = values + _CHECK.pack(zlib.crc32(values))

    @staticmethod
    def _offset(slot: int) -> int:
        return _HEADER_SIZE + slot * _SLOT_SIZE

"""The board: shared memory in which each child notes what it runs, for the reporter to read."""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

SLOTS = 256

_HEADER = struct.Struct("d")
_SLOT = struct.Struct("q q d 16s q q")
_HEADER_SIZE = 64
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
        sequence = self._read(slot)[1] + 1
        self._write(slot, pid, sequence, deadline, execution.bytes, fence)

    def clear(self, slot: int) -> None:
        """Note that the child in `slot` runs nothing."""
        sequence = self._read(slot)[1]
        self._write(slot, 0, sequence, 0.0, bytes(16), 0)

    def running(self) -> Iterator[Note]:
        """Yield what the children run; a slot that is being written at this instant comes the next time."""
        for slot in range(SLOTS):
            pid, sequence, deadline, execution, fence, check = self._read(slot)
            if pid and check == sequence ^ fence:
                yield Note(slot, pid, sequence, deadline, UUID(bytes=execution), fence)

    def _read(self, slot: int) -> tuple[int, int, float, bytes, int, int]:
        values: tuple[int, int, float, bytes, int, int] = _SLOT.unpack_from(self._memory, self._offset(slot))
        return values

    def _write(self, slot: int, pid: int, sequence: int, deadline: float, execution: bytes, fence: int) -> None:
        # The copy is not atomic; the check says whether sequence and fence belong together.
        _SLOT.pack_into(self._memory, self._offset(slot), pid, sequence, deadline, execution, fence, sequence ^ fence)

    @staticmethod
    def _offset(slot: int) -> int:
        return _HEADER_SIZE + slot * _SLOT_SIZE

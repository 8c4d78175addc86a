"""What a command writes, line by line, in bounded memory: its beginning as it comes, its end when it is over."""

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from workers.masking import Mask

LINE_BYTES = 8 * 1024
LIVE_BYTES = TAIL_BYTES = 48 * 1024
LINE_CUT = " … cut"


@dataclass
class Lines:
    """Splits one stream into lines, secrets masked; of a line that is too long the rest is left out."""

    mask: Mask
    _rest: bytearray = field(default_factory=bytearray)
    _skips: bool = False

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Take what was read; yield the lines that are whole now."""
        self._rest += chunk
        *whole, rest = self._rest.split(b"\n")
        self._rest = rest
        for line in whole:
            yield from self._said(line)
            self._skips = False
        if len(self._rest) > LINE_BYTES:
            yield from self._said(self._rest)
            self._rest, self._skips = bytearray(), True

    def finish(self) -> Iterator[str]:
        """Yield what stood behind the last line break."""
        if self._rest:
            yield from self._said(self._rest)

    def _said(self, line: bytes | bytearray) -> Iterator[str]:
        if self._skips:
            return
        text = bytes(line[:LINE_BYTES]).decode("utf-8", "replace").rstrip("\r")
        yield self.mask.cut(text) + LINE_CUT if len(line) > LINE_BYTES else self.mask(text)


@dataclass
class Tail:
    """Keeps the newest whole lines, so many bytes of them."""

    limit: int
    dropped_bytes: int = 0
    _lines: deque[tuple[str, int]] = field(default_factory=deque)
    _size: int = 0

    def add(self, line: str) -> None:
        """Keep a line, and let go of the oldest ones for it."""
        self._lines.append((line, len(line.encode()) + 1))
        self._size += self._lines[-1][1]
        while self._size > self.limit and len(self._lines) > 1:
            gone = self._lines.popleft()[1]
            self._size -= gone
            self.dropped_bytes += gone

    def __iter__(self) -> Iterator[str]:
        return (line for line, _ in self._lines)

    def text(self) -> str:
        """Return the lines as they stood."""
        return "\n".join(self)


@dataclass
class Journal:
    """Logs the first lines as they come and the last ones at the end, however much lies between."""

    log: logging.Logger
    _live_bytes: int = 0
    _later: Tail = field(default_factory=lambda: Tail(TAIL_BYTES))

    def add(self, level: int, line: str) -> None:
        """Log a line now, or keep it for the end."""
        self._live_bytes += len(line) + 1
        if self._live_bytes <= LIVE_BYTES:
            self.log.log(level, "%s", line)
        else:
            self._later.add(line)

    def finish(self) -> None:
        """Log what was kept, and how much was not."""
        if self._later.dropped_bytes:
            self.log.warning("… %d bytes of output are left out …", self._later.dropped_bytes)
        for line in self._later:
            self.log.info("%s", line)

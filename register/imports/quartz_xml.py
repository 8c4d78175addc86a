"""Reads Quartz's job_scheduling_data XML, element by element, so that memory holds its jobs and never its tree.

Document types are refused: entities could make a small file huge, or fetch another one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from register.formats.record import MAX_BYTES, MAX_SHOWN, UnreadableFile

DEPTH_LIMIT = 12
_CHUNK_BYTES = 64 * 1024
_WHOLE = ("job", "trigger")


@dataclass(slots=True)
class Element:
    """One element without attributes: its local name, the line that it begins on, its text and what is in it."""

    name: str
    line: int
    parts: list[str] = field(default_factory=list)
    children: list["Element"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly in it, without blanks around it."""
        return "".join(self.parts).strip()

    def child(self, name: str) -> "Element | None":
        """Return the first element of a name in it."""
        return next((each for each in self.children if each.name == name), None)

    def get(self, name: str) -> str | None:
        """Return the text of the first element of a name in it; None where there is none, or an empty one."""
        found = self.child(name)
        return (found.text or None) if found is not None else None


def elements(stream: IO[bytes]) -> Iterator[Element]:
    """Yield the jobs and triggers of a file, in its order. Raises UnreadableFile."""
    reading = _Reading()
    stream.seek(0)
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            reading.parser.Parse(chunk, False)
            yield from reading.taken()
        reading.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise UnreadableFile(f"line {error.lineno}: it is not XML: {expat.ErrorString(error.code)}.") from None
    except (LookupError, ValueError) as error:
        raise UnreadableFile(f"it is not XML: {error}.") from None
    yield from reading.taken()


class _Reading:
    """Builds the elements that are jobs or triggers; of all others only the names that are open are kept."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = _refuse_document_type
        self._open: list[Element] = []
        self._depth = 0
        self._begun = 0
        self._done: list[Element] = []

    def taken(self) -> list[Element]:
        done, self._done = self._done, []
        return done

    def _start(self, name: str, _: dict[str, str]) -> None:
        element = Element(name.rpartition(" ")[2], self.parser.CurrentLineNumber)
        self._depth += 1
        if self._depth == 1 and element.name != "job-scheduling-data":
            raise UnreadableFile(f"it is <{element.name[:50]}>; a Quartz file is <job-scheduling-data>.")
        if self._depth > DEPTH_LIMIT:
            raise UnreadableFile(f"line {element.line}: it is nested more than {DEPTH_LIMIT} levels deep.")
        if self._open:
            self._open[-1].children.append(element)
        elif element.name not in _WHOLE:
            return
        else:
            self._begun = self.parser.CurrentByteIndex
        self._open.append(element)
        self._refuse_long()

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._open:
            element = self._open.pop()
            if not self._open:
                self._done.append(element)

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].parts.append(text)
            self._refuse_long()

    def _refuse_long(self) -> None:
        if self.parser.CurrentByteIndex - self._begun > MAX_BYTES:
            raise UnreadableFile(f"line {self._open[0].line}: a {self._open[0].name} is longer than {MAX_SHOWN}.")


def _refuse_document_type(*_: object) -> None:
    raise UnreadableFile("it has a document type (<!DOCTYPE …>), which is not taken: remove that line.")

"""Reads and writes task records as JSON: one list, bare or under `tasks`, read one record at a time."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, TextIO

from register.formats.lines import chunks
from register.formats.record import MAX_BYTES, MAX_SHOWN, Record, UnreadableFile, misspelt
from scheduler.engine import strict_json

LIST_NAME = "tasks"

_SPACE = re.compile(r"[ \t\r\n]*")
# Only finds where a value ends: numbers stay texts, so that none is too long to read.
_ENDS = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def read(stream: IO[bytes]) -> Iterator[Record]:
    """Yield the records of a file. Raises UnreadableFile."""
    text = _Text(stream)
    is_object = text.took("{")
    if is_object and (text.value() != f'"{LIST_NAME}"' or not text.took(":")):
        raise text.refusal(f"the object must begin with `{LIST_NAME}`")
    if not text.took("["):
        raise UnreadableFile(f"it must hold a list of tasks, or an object with such a list under `{LIST_NAME}`.")
    if not text.took("]"):
        yield _record(text.value())
        while not text.took("]"):
            if not text.took(","):
                raise text.refusal("a comma or the end of the list is missing")
            yield _record(text.value())
    if is_object and not text.took("}"):
        raise text.refusal(f"beside one list under `{LIST_NAME}` there may be nothing")
    if not text.is_at_end():
        raise text.refusal("something follows after the end")


def write(records: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    """Write the records one after another."""
    out.write(f'{{"{LIST_NAME}": [')
    separator = "\n"
    for record in records:
        out.write(separator + json.dumps(record, ensure_ascii=False, indent=2))
        separator = ",\n"
    out.write("]}\n" if separator == "\n" else "\n]}\n")


def _record(text: str) -> Record:
    try:
        return Record(strict_json.loads(text))
    except strict_json.InvalidJson as error:
        return misspelt(str(error))


class _Text:
    """The text from where reading stands; never more of it than one record and one chunk."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._chunks = chunks(stream)
        self._text = ""
        self._at = 0
        self._line = 1

    def took(self, character: str) -> bool:
        """Pass over the character if it is the next one, blanks aside."""
        if self.is_at_end() or self._text[self._at] != character:
            return False
        self._at += 1
        return True

    def is_at_end(self) -> bool:
        """Tell whether nothing but blanks is left."""
        while True:
            blanks = _SPACE.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text):
                return False
            if not self._more():
                return True

    def value(self) -> str:
        """Return the text of the next value. Raises UnreadableFile where there is none, or no end of it."""
        self.is_at_end()
        while True:
            try:
                _, end = _ENDS.raw_decode(self._text, self._at)
                problem = ""
            except RecursionError:
                raise self.refusal(f"it is nested more than {strict_json.MAX_DEPTH} levels deep") from None
            except json.JSONDecodeError as error:
                end, problem = error.pos, error.msg
            # What is cut off looks wrong, or complete (12 of 123): only with more text can one tell.
            is_whole = not problem and end < len(self._text)
            if not is_whole and len(self._text) - self._at <= MAX_BYTES and self._more():
                continue
            return self._taken(end, problem)

    def refusal(self, reason: str, *, at: int | None = None) -> UnreadableFile:
        """Return why the file is refused, with the line where reading stands."""
        line = self._line + self._text.count("\n", 0, self._at if at is None else at)
        return UnreadableFile(f"line {line}: {reason}.")

    def _taken(self, end: int, problem: str) -> str:
        if max(end, len(self._text) if problem else 0) - self._at > MAX_BYTES:
            raise self.refusal(f"a task is longer than {MAX_SHOWN}, or is no JSON")
        if problem:
            raise self.refusal(f"it is not JSON: {problem}", at=end)
        start, self._at = self._at, end
        return self._text[start:end]

    def _more(self) -> bool:
        """Read one piece more, and forget what has been passed over."""
        piece = next(self._chunks, "")
        self._line += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + piece
        self._at = 0
        return bool(piece)

"""Reads and writes task records as YAML: one list, bare or under `tasks`, of what JSON can say.

Plain scalars are read as YAML 1.2 has them: `no` and `06:00` are texts. Anchors and aliases are refused, so that a
small file cannot stand for a huge one, and so are tags, which stand for what JSON does not have.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import IO, Any, TextIO

import yaml
from yaml import events

from register.formats.lines import lines
from register.formats.record import MAX_BYTES, MAX_SHOWN, Record, UnreadableFile, misspelt
from scheduler.engine import strict_json

LIST_NAME = "tasks"
_WIDTH = 100
_TEXT_TAG = "tag:yaml.org,2002:str"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_WORDS: dict[str, bool | None] = (
    dict.fromkeys(["", "~", "null", "Null", "NULL"])
    | dict.fromkeys(["true", "True", "TRUE"], True)
    | dict.fromkeys(["false", "False", "FALSE"], False)
)
_WHOLE = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read(stream: IO[bytes]) -> Iterator[Record]:
    """Yield the records of a file. Raises UnreadableFile."""
    window = _Window(stream)
    reader = _Reader(window)
    try:
        for record in reader.records():
            window.begin_record()
            yield record
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UnreadableFile(f"{line}{error.problem}.") from None
    except yaml.YAMLError as error:
        raise UnreadableFile(" ".join(str(error).split())) from None


def write(records: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    """Write the records one after another, an empty line between two."""
    separator = f"{LIST_NAME}:\n"
    for record in records:
        out.write(separator)
        yaml.dump(
            [{name: _Block(value) if _has_lines(value) else value for name, value in record.items()}],
            out,
            Dumper=_Readable,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=False,
            width=_WIDTH,
        )
        separator = "\n"
    if separator != "\n":
        out.write(f"{LIST_NAME}: []\n")


class _Readable(_Dumper):  # type: ignore[misc]
    """Writes texts of several lines as such, and quotes whatever YAML 1.1 or 1.2 would not take for a text."""


class _Block(str):
    """A text of several lines that is a field; deeper, and as a name, it is written in quotes."""

    __slots__ = ()


def _has_lines(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _as_block(dumper: Any, text: _Block) -> Any:
    return dumper.represent_scalar(_TEXT_TAG, str(text), style="|")


_Readable.add_representer(_Block, _as_block)
_Readable.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"^(?:{_NUMBER.pattern})$"), list("-+.0123456789")
)


class _Window:
    """What the parser reads from: at most one record's worth between two records."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines = lines(stream)
        self._length = 0

    def begin_record(self) -> None:
        self._length = 0

    def read(self, _size: int = -1) -> str:
        """Return the next line, an empty text at the end."""
        line = next(self._lines, "")
        self._length += len(line)
        # The line that the parser has begun to read belongs to the next record.
        if self._length > 2 * MAX_BYTES:
            raise UnreadableFile(f"a task is longer than {MAX_SHOWN}.")
        return line


class _Reader:
    """Builds values from the parser's events; of each record the first fault is kept."""

    def __init__(self, window: _Window) -> None:
        self._parser = _Loader(window)
        self._fault: str | None = None

    def records(self) -> Iterator[Record]:
        """Yield the records of the one document."""
        self._next()
        if isinstance(self._next(), events.StreamEndEvent):
            raise UnreadableFile("it is empty.")
        root = self._next()
        if isinstance(root, events.MappingStartEvent):
            yield from self._under_name()
        elif isinstance(root, events.SequenceStartEvent):
            yield from self._items()
        else:
            raise UnreadableFile(f"it must hold a list of tasks, or an object with such a list under `{LIST_NAME}`.")
        self._next()
        if not isinstance(event := self._next(), events.StreamEndEvent):
            raise UnreadableFile(f"{_line(event)}: it may hold one document only.")

    def _under_name(self) -> Iterator[Record]:
        is_found = False
        while not isinstance(event := self._next(), events.MappingEndEvent):
            name = event.value if isinstance(event, events.ScalarEvent) else None
            if name != LIST_NAME or is_found:
                raise UnreadableFile(f"{_line(event)}: beside one list under `{LIST_NAME}` there may be nothing.")
            if not isinstance(event := self._next(), events.SequenceStartEvent):
                raise UnreadableFile(f"{_line(event)}: `{LIST_NAME}` must be a list.")
            is_found = True
            yield from self._items()
        if not is_found:
            raise UnreadableFile(f"it must hold a list of tasks, or an object with such a list under `{LIST_NAME}`.")

    def _items(self) -> Iterator[Record]:
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            self._fault = None
            value = self._value(event, depth=1)
            yield misspelt(self._fault) if self._fault else Record(value)

    def _next(self) -> Any:
        return self._parser.get_event()

    def _value(self, event: Any, *, depth: int) -> Any:
        if depth > strict_json.MAX_DEPTH:
            raise UnreadableFile(f"{_line(event)}: it is nested more than {strict_json.MAX_DEPTH} levels deep.")
        if event.anchor is not None:
            self._note(event, "anchors and aliases (& and *) are not taken: write it out")
        if isinstance(event, events.AliasEvent):
            return None
        if event.tag not in (None, _TEXT_TAG):
            self._note(event, "tags (!) are not taken")
        if isinstance(event, events.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, events.SequenceStartEvent):
            return self._list(depth=depth)
        return self._object(depth=depth)

    def _list(self, *, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := self._next(), events.SequenceEndEvent):
            values.append(self._value(event, depth=depth + 1))
        return values

    def _object(self, *, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._next(), events.MappingEndEvent):
            name = event.value if isinstance(event, events.ScalarEvent) else None
            if name is None:
                self._value(event, depth=depth + 1)
                self._note(event, "a name must be a text")
            elif name in values:
                self._note(event, f"the name {name[:100]!r} stands twice in one object")
            values[name or ""] = self._value(self._next(), depth=depth + 1)
        return values

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if not event.implicit[0] or event.tag is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NUMBER.fullmatch(text):
            return self._number(event)
        if _NO_NUMBER.fullmatch(text):
            self._note(event, f"{text} is no number of JSON")
        return text

    def _number(self, event: Any) -> int | float | None:
        try:
            value = int(event.value) if _WHOLE.fullmatch(event.value) else float(event.value)
            if isfinite(value):
                return value
        except (ValueError, OverflowError):
            pass  # more digits than Python reads, or more than a float holds
        self._note(event, "a number is too large")
        return None

    def _note(self, event: Any, message: str) -> None:
        self._fault = self._fault or f"{_line(event)}: {message}."


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"

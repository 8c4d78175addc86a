"""Reads and writes task records as NDJSON: one JSON object a line; a bad line is a bad record, no bad file."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, TextIO

from register.formats.lines import lines
from register.formats.record import Record, UnreadableFile, misspelt
from scheduler.engine import strict_json


def read(stream: IO[bytes]) -> Iterator[Record]:
    """Yield the records of a file; empty lines are passed over. Raises UnreadableFile."""
    is_empty = True
    for number, line in enumerate(lines(stream), start=1):
        if line.strip():
            is_empty = False
            yield _record(line, number)
    if is_empty:
        raise UnreadableFile("it is empty.")


def count(stream: IO[bytes]) -> int:
    """Return how many records there are, without reading them as JSON. Raises UnreadableFile as `read` does."""
    found = sum(1 for line in lines(stream) if line.strip())
    if not found:
        raise UnreadableFile("it is empty.")
    return found


def write(records: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    """Write a line for each record."""
    for record in records:
        out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _record(line: str, number: int) -> Record:
    try:
        return Record(strict_json.loads(line))
    except strict_json.InvalidJson as error:
        return misspelt(f"line {number}: {error}")

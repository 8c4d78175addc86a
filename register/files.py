"""Opens the files of task records, in each of their formats, to be read once and again; and writes such files."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from register.formats import csv_file, json_file, ndjson_file, yaml_file
from register.formats.record import Record, UnreadableFile

FORMATS = {"yaml": yaml_file, "json": json_file, "ndjson": ndjson_file, "csv": csv_file}
STANDARD_INPUT = "-"

_ENDINGS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}
_IN_MEMORY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A file of records that is open, and that can be read from its beginning any number of times."""

    name: str
    format: str
    stream: IO[bytes]

    def records(self) -> Iterator[Record]:
        """Yield the records with their places. Raises UnreadableFile."""
        with self._refusing():
            self.stream.seek(0)
            for index, record in enumerate(FORMATS[self.format].read(self.stream)):
                yield Record(record.fields, record.faults, f"{self.name}: tasks[{index}]")

    def count(self) -> int:
        """Return how many records there are; a file that cannot be read to its end is refused here."""
        if self.format != "ndjson":
            return sum(1 for _ in self.records())
        with self._refusing():
            self.stream.seek(0)
            return ndjson_file.count(self.stream)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Name the file in what is said against it."""
        try:
            yield
        except UnreadableFile as refusal:
            raise UnreadableFile(f"{self.name}: {refusal}") from None
        except OSError as error:
            raise _unopened(self.name, error) from None


def open_source(file: str, *, format_name: str | None = None) -> Source:
    """Open a file, or standard input for `-`. Raises UnreadableFile.

    What can be read but once (a pipe) is kept in a temporary file.
    """
    name = "standard input" if file == STANDARD_INPUT else file
    format_name = format_name or format_of(file)
    if format_name is None:
        raise UnreadableFile(f"{name}: say which format it has: --format {'|'.join(FORMATS)}.")
    try:
        if file == STANDARD_INPUT:
            return Source(name, format_name, _kept(sys.stdin.buffer))
        stream = Path(file).open("rb")
        if stream.seekable():
            return Source(name, format_name, stream)
        with stream:
            return Source(name, format_name, _kept(stream))
    except OSError as error:
        raise _unopened(name, error) from None


def format_of(file: str) -> str | None:
    """Return the format that the ending of a file's name stands for."""
    return _ENDINGS.get(Path(file).suffix.lower())


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Open a file beside `path` that takes its place once it is complete: nobody reads half an export."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123 -- a descriptor, no path
            yield out
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _kept(stream: IO[bytes]) -> IO[bytes]:
    copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)
    shutil.copyfileobj(stream, copy)
    return copy


def _unopened(name: str, error: OSError) -> UnreadableFile:
    return UnreadableFile(f"{name}: it cannot be read: {error.strerror}.")

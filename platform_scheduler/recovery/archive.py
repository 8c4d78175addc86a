"""A backup on disk: a folder with a compressed file a table, and a manifest that says what each of them must be."""

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from platform_scheduler.recovery.errors import BackupDamaged

FORMAT: Final = 1
PREFIX: Final = "scheduler-"
MANIFEST: Final = "manifest.json"
_CHECKSUM: Final = "manifest.sha256"
_UNFINISHED: Final = ".unfinished-"
_BLOCK: Final = 1 << 20
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table's rows, in PostgreSQL's text format for COPY; `sha256` is of the compressed file."""

    table: str
    columns: list[str]
    rows: int
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.table}.copy.gz"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: instants are ISO 8601, `partitions` the bounds of each partitioned table's children.

    `open_executions` counts by status what had not ended; `migrations` are the newest of each app.
    """

    taken_at: str
    server_version: str
    code_version: str
    migrations: dict[str, str]
    tables: list[TableFile]
    sequences: dict[str, int]
    partitions: dict[str, list[tuple[str, str | None, str]]]
    open_executions: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(one.rows for one in self.tables)

    @property
    def size_bytes(self) -> int:
        """The compressed size of all tables."""
        return sum(one.size_bytes for one in self.tables)


class TableWriter:
    """Writes one table's file, and counts and hashes what it writes."""

    def __init__(self, folder: Path, table: str, columns: list[str]) -> None:
        self._table, self._columns = table, columns
        self._path = folder / f"{table}.copy.gz"
        self._raw = self._path.open("xb")
        # Without a name and a time in it equal rows make equal files.
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=_LEVEL, mtime=0)
        self._rows = 0

    def write(self, block: bytes) -> None:
        """Take some rows; each ends with a line feed, and no other line feed stands in this format."""
        self._rows += block.count(b"\n")
        self._gzip.write(block)

    def finish(self) -> TableFile:
        """Have it all on the disk, and return what it must be from now on."""
        self._gzip.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        return TableFile(self._table, self._columns, self._rows, self._path.stat().st_size, _hash(self._path))


def begin(folder: Path, *, at: datetime) -> Path:
    """Make the folder of a new backup, readable by its owner only, under a name by which nobody takes it for whole."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = folder / f"{_UNFINISHED}{_name(at)}"
    made.mkdir(mode=0o700)
    return made


def finish(unfinished: Path, manifest: Manifest) -> Path:
    """Write the manifest, look through all of it once, and give the backup its name; return its folder."""
    text = json.dumps(asdict(manifest), indent=1) + "\n"
    for name, content in ((MANIFEST, text), (_CHECKSUM, hashlib.sha256(text.encode()).hexdigest() + "\n")):
        with (unfinished / name).open("x") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    verify(unfinished)
    return unfinished.rename(unfinished.with_name(unfinished.name.removeprefix(_UNFINISHED)))


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says that it holds. Raises BackupDamaged."""
    try:
        text = (folder / MANIFEST).read_text()
        checksum = (folder / _CHECKSUM).read_text().strip()
    except OSError as error:
        raise BackupDamaged(f"{folder} is no backup: {error.filename} cannot be read ({error.strerror}).") from None
    if hashlib.sha256(text.encode()).hexdigest() != checksum:
        raise BackupDamaged(f"{folder / MANIFEST} is not what was written: its checksum differs.")
    values: dict[str, Any] = json.loads(text)
    if values.get("format") != FORMAT:
        raise BackupDamaged(f"{folder} has format {values.get('format')!r}; this version reads {FORMAT}.")
    partitions = {table: [tuple(one) for one in rows] for table, rows in values["partitions"].items()}
    tables = [TableFile(**one) for one in values["tables"]]
    for one in tables:
        if not one.table.isidentifier():  # what is no name of ours is no name of a file either
            raise BackupDamaged(f"{folder}: this platform knows no table {one.table!r}.")
    return Manifest(**{**values, "tables": tables, "partitions": partitions})


def verify(folder: Path) -> Manifest:
    """Read every file of a backup through, and return its manifest. Raises BackupDamaged, which names the file."""
    manifest = read_manifest(folder)
    for table in manifest.tables:
        path = folder / table.name
        if not path.is_file():
            raise BackupDamaged(f"{path} is missing.")
        if path.stat().st_size != table.size_bytes or _hash(path) != table.sha256:
            raise BackupDamaged(f"{path} is not what was written: its checksum differs.")
        rows = sum(block.count(b"\n") for block in blocks(folder, table))
        if rows != table.rows:
            raise BackupDamaged(f"{path} holds {rows:,} rows; {table.rows:,} were written.")
    return manifest


def blocks(folder: Path, table: TableFile) -> Iterator[bytes]:
    """Yield a table's rows as they were read, block by block."""
    with gzip.open(folder / table.name, "rb") as file:
        while block := file.read(_BLOCK):
            yield block


def whole(folder: Path) -> list[Path]:
    """Return the backups in a folder that were finished, the oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / MANIFEST).is_file())


def keep(folder: Path, *, count: int, now: datetime) -> list[Path]:
    """Remove all but the newest `count` backups, and what nobody has finished within a day; return what is gone."""
    given_up = f"{_UNFINISHED}{_name(now - timedelta(days=1))}"
    left = [path for path in folder.glob(f"{_UNFINISHED}*") if path.name < given_up]
    gone = [*whole(folder)[:-count], *left]
    for path in gone:
        shutil.rmtree(path)
    return gone


def _name(at: datetime) -> str:
    return f"{PREFIX}{at.astimezone(UTC):%Y%m%dT%H%M%S}Z"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

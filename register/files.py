"""Reads task records from YAML and JSON files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from scheduler.engine import strict_json


class UnreadableFile(Exception):
    """The file cannot be read as records; the message says why and where."""


@dataclass(frozen=True, slots=True)
class Record:
    """One task of a file; `place` is where it stands: `tasks.yaml: tasks[3]`."""

    place: str
    fields: Any


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file: a list of tasks, or an object with the list under `tasks`.

    Raises UnreadableFile.
    """
    try:
        content = _load(path)
    except OSError as error:
        raise UnreadableFile(f"{path}: it cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UnreadableFile(f"{path}: {' '.join(str(error).split())}") from error
    records = content.get("tasks") if isinstance(content, dict) else content
    if not isinstance(records, list):
        raise UnreadableFile(f"{path}: it must hold a list of tasks, or an object with such a list under `tasks`.")
    for index, fields in enumerate(records):
        yield Record(f"{path}: tasks[{index}]", fields)


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        return strict_json.loads(text)
    # By way of JSON: YAML's own types (dates) become the texts that they were written as, and what is no JSON,
    # such as .nan or half a surrogate, is refused as it would be over HTTP.
    return strict_json.loads(json.dumps(yaml.safe_load(text), default=_plain, ensure_ascii=True))


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise strict_json.InvalidJson(f"{type(value).__name__} is no type of JSON.")

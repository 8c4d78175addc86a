"""Reads and writes task records as CSV (RFC 4180): a header of field names, nested fields as JSON in a cell.

An empty cell is an absent field. A cell loses one leading apostrophe: it stands before what a spreadsheet would take
for a formula, before an apostrophe, and alone for the empty text.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, TextIO

from register.api.fields import Flag, Labels, Whole
from register.api.listener_input import Listeners
from register.api.notify_input import Notifications
from register.api.serializers import Dependencies, Outcomes, RetryPolicyInput, Services, SlaInput, TaskInput
from register.definition import FIELDS
from register.formats.lines import lines
from register.formats.record import Record, UnreadableFile, misspelt
from scheduler.engine import strict_json
from scheduler.errors import Fault

_ESCAPE = "'"
# OWASP's list, with the full-width forms that some spreadsheets take as well; blanks before them change nothing.
_FORMULA = re.compile("\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20']|[\\t\\r\\n]")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NESTED = (Dependencies, Labels, Listeners, Notifications, Outcomes, RetryPolicyInput, Services, SlaInput)
_FLAGS = {"true": True, "false": False}


def read(stream: IO[bytes]) -> Iterator[Record]:
    """Yield the records of a file. Raises UnreadableFile."""
    rows = csv.reader(lines(stream), strict=True)
    try:
        header = next((row for row in rows if row), None)
        if header is None:
            raise UnreadableFile("it is empty.")
        columns = _columns(header)
        for row in rows:
            if row:
                yield _record(row, columns)
    except csv.Error as error:
        raise UnreadableFile(f"line {rows.line_num}: {error}.") from None


def write(records: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    """Write the header and a line for each record."""
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(FIELDS)
    for record in records:
        rows.writerow([_cell(record[name]) if name in record else "" for name in FIELDS])


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _ESCAPE + text if not text or _FORMULA.match(text) else text


_Column = tuple[str, Callable[[str], Any]]


def _columns(header: Sequence[str]) -> list[_Column]:
    names = [name.strip() for name in header]
    double = next((name for name, times in Counter(names).items() if times > 1), None)
    if double is not None:
        raise UnreadableFile(f"the header names the column {double[:100]!r} twice.")
    fields = TaskInput().fields
    unknown = [name for name in names if name not in fields]
    faults = TaskInput(partial=True).read(dict.fromkeys(unknown)).faults
    if faults:
        raise UnreadableFile("; ".join(f"column {fault.field!r}: {fault.message}" for fault in faults))
    return [(name, _reading(fields[name])) for name in names]


def _reading(field: Any) -> Callable[[str], Any]:
    """Return what turns a cell of this field into a value; a text of another type is left for the field to refuse."""
    if isinstance(field, Whole):
        return lambda text: int(text) if _WHOLE.fullmatch(text.strip()) else text
    if isinstance(field, Flag):
        return lambda text: _FLAGS.get(text.strip().lower(), text)
    if isinstance(field, _NESTED):
        return strict_json.loads
    return str


def _record(row: Sequence[str], columns: Sequence[_Column]) -> Record:
    if len(row) != len(columns):
        return misspelt(f"This line has {len(row)} cells, the header {len(columns)}.")
    fields: dict[str, Any] = {}
    faults = []
    for cell, (name, reading) in zip(row, columns, strict=True):
        if not cell:
            continue
        try:
            fields[name] = reading(cell.removeprefix(_ESCAPE))
        except strict_json.InvalidJson as error:
            faults.append(Fault(name, "invalid", f"This cell must hold JSON: {error}"))
    return Record(fields, tuple(faults))

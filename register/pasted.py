"""Records that somebody pastes or sends from a page: read, planned, and registered all or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from register import bulk, ordering, plan, submission
from register.bulk import Entry, Registrar, Result
from register.drafting import DEFAULT_NAMESPACE
from register.files import Source
from register.formats.lines import chunks
from register.formats.record import Record, UnreadableFile

MOST_BYTES = 1024 * 1024
MOST_RECORDS = 1_000

_TOO_LONG = f"This is more than {MOST_BYTES:,} bytes: use manage.py register_tasks."


@dataclass(frozen=True, slots=True)
class Planned:
    """What would become of one record: `lines` of the plan, or `faults` with their places."""

    outcome: str
    lines: tuple[str, ...]
    faults: tuple[str, ...]


def decoded(sent: bytes) -> str:
    """Return the text of a file. Raises UnreadableFile."""
    if len(sent) > MOST_BYTES:
        raise UnreadableFile(_TOO_LONG)
    return "".join(chunks(BytesIO(sent)))


def read(text: str, *, format_name: str) -> list[Record]:
    """Return the records of a text. Raises UnreadableFile."""
    if len(text.encode()) > MOST_BYTES:
        raise UnreadableFile(_TOO_LONG)
    records = list(Source("text", format_name, BytesIO(text.encode())).records())
    if not records:
        raise UnreadableFile("There is no record in it.")
    if len(records) > MOST_RECORDS:
        raise UnreadableFile(f"These are more than {MOST_RECORDS:,} records: use manage.py register_tasks.")
    return records


def planned(records: Sequence[Record], *, mode: str, actor: str, namespace: str | None, now: datetime) -> list[Planned]:
    """Return what would become of each record; nothing is stored."""
    home = namespace or DEFAULT_NAMESPACE
    registrar = Registrar(mode=mode, actor=actor, home=home, namespace=namespace, dry_run=True, now=now)
    made: list[Planned] = []
    in_turn = list(ordering.upstreams_first(records, home=home))
    for at in range(0, len(in_turn), bulk.BATCH):
        some = in_turn[at : at + bulk.BATCH]
        results = registrar.register([Entry(record.fields, record.faults) for record in some])
        made += [_planned(record, result, now=now) for record, result in zip(some, results, strict=True)]
    return made


def _planned(record: Record, result: Result, *, now: datetime) -> Planned:
    place = record.place.removeprefix("text: ")
    faults = (f"{place}{f'.{fault.field}' if fault.field else ''}: {fault.message}" for fault in result.faults)
    return Planned(result.outcome, tuple(plan.lines_of(result, now=now)), tuple(faults))


def registered(
    records: Sequence[Record], *, mode: str, actor: str, namespace: str | None, now: datetime
) -> list[Result]:
    """Register all of the records or none, and return what became of each. Raises RecordsRefused."""
    entries = [Entry(record.fields, record.faults) for record in records]
    return submission.submit(entries, mode=mode, is_atomic=True, actor=actor, namespace=namespace, now=now)

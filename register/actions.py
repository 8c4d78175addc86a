"""Bulk actions that somebody asks for: what they are about, and the operation that the schedulers carry out.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models import QuerySet
from django.db.transaction import atomic
from django.http import QueryDict

from register import journal
from register.given import Given
from scheduler.errors import Fault, InvalidInput
from scheduler.filtering import ListFilter
from scheduler.filters import TaskFilter
from scheduler.models import Execution, Operation, OperationItem, Task
from scheduler.models.choices import AuditVerb, OperationKind, OperationStatus
from scheduler.parameters import REPEATABLE, Reader
from scheduler.periods import ExecutionFilter

TASKS, EXECUTIONS = "tasks", "executions"

MOST_ITEMS: Final = 100_000
CREATED_BY_LENGTH: Final = 100
SAMPLED: Final = 20
# The framework's statement holds no more parameters than so many rows need.
_ROWS_AT_ONCE: Final = 5_000

# Under which verb the audit has an action; what it does to each task or execution, the node that does it records.
_RECORDED: Final = {
    "pause": AuditVerb.PAUSE, "resume": AuditVerb.RESUME, "trigger": AuditVerb.TRIGGER, "delete": AuditVerb.DELETE,
    "set": AuditVerb.CHANGE, "cancel": AuditVerb.CANCEL, "retry": AuditVerb.RETRY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would be about: how many, and some of them in order of id."""

    total: int
    sample: list[Task] | list[Execution]


def start_action(on: str, given: Given, *, actor: str, namespace: str | None, now: datetime) -> Operation:
    """Store an action on tasks or executions for the schedulers to carry out, and return it, PENDING.

    It is about those that match now. Raises InvalidInput.
    """
    with atomic():
        ids = _chosen(on, given, namespace=namespace, now=now)
        operation = Operation.objects.create(
            id=uuid4(),
            kind=OperationKind.BULK_ACTION,
            status=OperationStatus.PENDING,
            namespace=namespace,
            arguments={
                "on": on,
                "action": given.values["action"],
                "arguments": given.values.get("arguments", {}),
                "filter": given.values.get("filter"),
            },
            total_count=len(ids),
            created_at=now,
            created_by=actor[:CREATED_BY_LENGTH],
        )
        items = (OperationItem(operation=operation, number=number, item_id=id) for number, id in enumerate(ids))
        OperationItem.objects.bulk_create(items, batch_size=_ROWS_AT_ONCE)
        journal.note(
            _RECORDED[given.values["action"]], operation, after={**operation.arguments, "total": len(ids)}, now=now
        )
    return operation


def plan_action(on: str, given: Given, *, namespace: str | None, now: datetime) -> Plan:
    """Return what an action would be about, and do nothing. Raises InvalidInput."""
    ids = _chosen(on, given, namespace=namespace, now=now)
    rows: Any = _visible(on, namespace=namespace).in_bulk(ids[:SAMPLED])
    return Plan(len(ids), [rows[id] for id in ids[:SAMPLED] if id in rows])


def _chosen(on: str, given: Given, *, namespace: str | None, now: datetime) -> list[UUID]:
    """Return the ids that an action is about, ascending: locks are taken in that order."""
    faults = [*given.faults, *_end_faults(given, now=now)]
    ids: Sequence[UUID] = []
    if "ids" in given.values:
        ids, unknown = _found(on, given.values["ids"], namespace=namespace)
        faults += unknown
    elif "filter" in given.values:
        try:
            ids = _matching(on, given.values["filter"], namespace=namespace, now=now)
        except InvalidInput as refusal:
            faults += [replace(fault, field=f"filter.{fault.field}".rstrip(".")) for fault in refusal.faults]
        else:
            faults += _size_faults(ids)
    if faults:
        raise InvalidInput(faults)
    return sorted(ids)


def _visible(on: str, *, namespace: str | None) -> QuerySet[Any]:
    rows: QuerySet[Any] = Task.objects.all() if on == TASKS else Execution.objects.select_related("task")
    return rows if namespace is None else rows.filter(namespace=namespace)


def _found(on: str, ids: list[UUID], *, namespace: str | None) -> tuple[list[UUID], list[Fault]]:
    """Return the ids that the caller may see, and the faults of the others."""
    rows = _visible(on, namespace=namespace).filter(id__in=ids)
    if on == EXECUTIONS and ids:
        rows = rows.filter(id__gte=min(ids), id__lte=max(ids))
    known = set(rows.values_list("id", flat=True))
    message = f"There is no such {on.removesuffix('s')}."
    return list(known), [
        Fault(f"ids[{index}]", "unknown", message, is_impossible=True)
        for index, id in enumerate(ids)
        if id not in known
    ]


def _matching(on: str, wanted: dict[str, Any], *, namespace: str | None, now: datetime) -> list[UUID]:
    """Return the ids that a filter matches, one more than may be at most. Raises InvalidInput."""
    rows = _visible(on, namespace=namespace)
    filters: dict[str, type[ListFilter]] = {TASKS: TaskFilter, EXECUTIONS: ExecutionFilter}
    parameters = _parameters(wanted)
    filtering: Any = filters[on](parameters, queryset=rows, now=now)
    reader = Reader(parameters)
    reader.refuse_strangers([name for name in filtering.filters if name != "sort"])
    reader.look_at(filtering)
    reader.raise_faults()
    ids: list[UUID] = []
    for part in filtering.parts():
        ids += part.order_by("id").values_list("id", flat=True)[: MOST_ITEMS + 1 - len(ids)]
    return ids


def _parameters(wanted: dict[str, Any]) -> QueryDict:
    """Return a filter as the query parameters that it names. Raises InvalidInput."""
    parameters = QueryDict(mutable=True)
    faults: list[Fault] = []
    for name, value in wanted.items():
        values = value if isinstance(value, list) and name in REPEATABLE else [value]
        if all(map(_is_plain, values)):
            parameters.setlist(name, [str(one).lower() if isinstance(one, bool) else str(one) for one in values])
        else:
            faults.append(Fault(name[:100], "invalid", "This must be a text, a number, true or false."))
    if not wanted:
        message = "Name at least one parameter: an empty filter would be about everything."
        faults.append(Fault("", "required", message))
    if faults:
        raise InvalidInput(faults)
    return parameters


def _is_plain(value: Any) -> bool:
    """Tell whether a value can stand in an address, and in the audit: no number of more than 64 bits."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, str) and "\0" not in value


def _end_faults(given: Given, *, now: datetime) -> list[Fault]:
    until = given.values.get("arguments", {}).get("until") if not given.faults else None
    if until is None or datetime.fromisoformat(until) > now:
        return []
    message = "This has passed; leave it out to pause without an end."
    return [Fault("arguments.until", "impossible", message, is_impossible=True)]


def _size_faults(ids: Sequence[UUID]) -> list[Fault]:
    if len(ids) <= MOST_ITEMS:
        return []
    message = f"More than {MOST_ITEMS:,} match; ask for fewer at a time."
    return [Fault("filter", "impossible", message, is_impossible=True)]

"""Circuits as people see them, and how they close one by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from register import journal
from register.errors import BoundForbidden, CircuitNotFound
from scheduler import circuits, connections, hosts
from scheduler.engine.circuits import State, is_host
from scheduler.engine.gates import SERVICE
from scheduler.models import Circuit, Task
from scheduler.models.choices import AuditVerb
from scheduler.representations import instant

MOST_SHOWN = 1_000
MOST_COUNTED = 10_000


class Standing(NamedTuple):
    """A circuit, and how many executions wait for it, or messages for a host."""

    row: Circuit
    held_count: int


def find(*, bound_to: str | None) -> list[Standing]:
    """Return the circuits by name; of a caller who is bound to a namespace those that its tasks use.

    And those of the hosts to which its webhooks lead.
    """
    rows = Circuit.objects.order_by("name")
    if bound_to is not None:
        using = Task.objects.filter(namespace=bound_to).exclude(uses=[]).exclude(status="DELETED")
        used = {name for uses in using.values_list("uses", flat=True).distinct() for name in uses}
        rows = rows.filter(name__in=used | hosts.of_namespace(connections.current(), bound_to))
    return _standing(list(rows[:MOST_SHOWN]), namespace=bound_to)


def reset(name: str, *, bound_to: str | None, now: datetime) -> Standing:
    """Close a circuit, whatever its calls say; what waits for it goes smoothly. Raises BoundForbidden, CircuitNotFound.

    One that is closed forgets what it has counted.
    """
    if bound_to is not None:
        raise BoundForbidden
    with transaction.atomic():
        was = circuits.reset(connections.current(), name, now=now)
        if was is None:
            raise CircuitNotFound
        row = Circuit.objects.get(name=name)
        before = {"state": was.state, "since": instant(was.since), "cause": was.cause}
        journal.note(AuditVerb.RESET, row, before=before, after={"state": row.state}, now=now)
    (standing,) = _standing([row], namespace=None)
    return standing


def _standing(rows: Sequence[Circuit], *, namespace: str | None) -> list[Standing]:
    services = [SERVICE + row.name for row in rows if not is_host(row.name)]
    held = circuits.held(connections.current(), services, namespace=namespace, limit=MOST_COUNTED)
    # To a host that may be called nothing waits for its circuit.
    shut = [row.name for row in rows if is_host(row.name) and row.state != State.CLOSED]
    held |= hosts.held(connections.current(), shut, namespace=namespace, limit=MOST_COUNTED)
    return [Standing(row, held.get(row.name if is_host(row.name) else SERVICE + row.name, 0)) for row in rows]

"""Events that somebody tells the platform of: stored, and carried to the tasks that listen.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.db.transaction import atomic

from register import journal, sharing
from register.errors import EventNotFound
from register.given import Given
from register.locking import publish_after_commit
from scheduler import connections, events
from scheduler.engine.identity import event_cause, lower_bound, same_milliseconds
from scheduler.errors import InvalidInput
from scheduler.models import Event, Execution
from scheduler.models.choices import AuditVerb

CREATED_BY_LENGTH = 100
EXECUTIONS_SHOWN = 100


def send_event(given: Given, *, actor: str, namespace: str | None, now: datetime) -> Event:
    """Store an event, start the first of the tasks that listen for it, and return it; schedulers start the others.

    Each task is started once, whoever carries the event on. A bound caller's event is heard in his namespace only.
    Raises InvalidInput, NamespaceForbidden.
    """
    if given.faults:
        raise InvalidInput(given.faults)
    heard_in = given.values.get("namespace", namespace)
    sharing.refuse_foreign(heard_in, namespace=namespace)
    with atomic():
        event = Event.objects.create(
            name=given.values["name"],
            namespace=heard_in,
            payload=given.values.get("payload", "{}"),
            received_at=now,
            created_by=actor[:CREATED_BY_LENGTH],
        )
        ready, _ = events.step(connections.current(), event.id, now=now)
        publish_after_commit(ready, now=now)
        event.refresh_from_db()
        after = {"started": event.started_count, "skipped": event.skipped_count}
        journal.note(AuditVerb.CREATE, event, after=after, now=now)
    return event


def listed(*, namespace: str | None) -> QuerySet[Event]:
    """Return the events that the caller may see."""
    every = Event.objects.all()
    return every if namespace is None else every.filter(namespace=namespace)


def find(event_id: UUID, *, namespace: str | None) -> Event:
    """Return one event. Raises EventNotFound."""
    event = listed(namespace=namespace).filter(id=event_id).first()
    if event is None:
        raise EventNotFound
    return event


def executions_of(event: Event) -> list[Execution]:
    """Return the first attempts that the event has led to, in order of id, at most EXECUTIONS_SHOWN."""
    low, high = same_milliseconds(lower_bound(event.received_at))
    started = Execution.objects.select_related("task").filter(
        id__gte=low, id__lt=high, cause=event_cause(event.id), attempt=1
    )
    return list(started.order_by("id")[:EXECUTIONS_SHOWN])

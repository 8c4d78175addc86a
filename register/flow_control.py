"""Flow control: who asks for what, from when until when. Nodes put it in force (`scheduler.flow`)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from register import journal
from register.errors import BoundForbidden, FlowPlanNotFound
from register.given import Given
from register.versions import refuse_stale
from scheduler import claims, connections, flow
from scheduler.errors import Fault, InvalidInput
from scheduler.models import FlowControl
from scheduler.models.choices import AuditVerb
from scheduler.representations import flow_settings_as_json
from scheduler.standing import FlowStanding, flow_standing

CREATED_BY_LENGTH = 100


def find(*, bound_to: str | None, now: datetime) -> FlowStanding:
    """Return how flow control stands; of a caller who is bound to a namespace without the others."""
    standing = flow_standing(now=now)
    return replace(
        standing,
        current=narrowed(standing.current, bound_to=bound_to) if standing.current is not None else None,
        covered=tuple(narrowed(row, bound_to=bound_to) for row in standing.covered),
        planned=tuple(narrowed(row, bound_to=bound_to) for row in standing.planned),
    )


def narrowed(row: FlowControl, *, bound_to: str | None) -> FlowControl:
    """Return what was asked for; for a caller who is bound to a namespace without the others."""
    if bound_to is not None:
        entries: dict[str, Any] = row.document.get("namespaces", {})
        row.document = row.document | {"namespaces": {name: entries[name] for name in entries if name == bound_to}}
    return row


def change_flow(
    given: Given, *, actor: str, bound_to: str | None, now: datetime, versions: frozenset[int] | None = None
) -> FlowStanding:
    """Put settings in force, or plan them where they begin later; return how flow control stands then.

    `versions` are those that If-Match accepts, None accepts any. Raises BoundForbidden, InvalidInput, VersionStale.
    """
    if bound_to is not None:
        raise BoundForbidden
    starts_at = given.values.get("starts_at") or now
    expires_at = given.values.get("expires_at")
    faults = [*given.faults]
    if expires_at is not None and expires_at <= max(starts_at, now):
        faults.append(Fault("expiresAt", "impossible", "It ends before it begins: send a later one.", True))
    if faults:
        raise InvalidInput(faults)
    with transaction.atomic():
        before, now = _locked(versions, now=now)
        starts_at = max(starts_at, now)
        is_planned = starts_at > now
        if not is_planned and _is_so(before.current, given, expires_at):
            return before
        asked = flow.ask(
            connections.current(), given.values["document"], reason=given.values.get("reason"), starts_at=starts_at,
            expires_at=expires_at, actor=actor[:CREATED_BY_LENGTH], now=now,
        )  # fmt: skip
        row = FlowControl.objects.get(id=asked)
        journal.note(
            AuditVerb.CREATE if is_planned else AuditVerb.CHANGE,
            row,
            before=None if is_planned else flow_settings_as_json(before.current),
            after=flow_settings_as_json(row),
            now=now,
        )
    return flow_standing(now=now)


def withdraw(planned: int, *, bound_to: str | None, now: datetime, versions: frozenset[int] | None = None) -> None:
    """Call off what is planned. Raises BoundForbidden, FlowPlanNotFound, VersionStale."""
    if bound_to is not None:
        raise BoundForbidden
    with transaction.atomic():
        standing, now = _locked(versions, now=now)
        row = next((row for row in standing.planned if row.id == planned), None)
        if row is None:
            raise FlowPlanNotFound
        flow.withdraw(connections.current(), planned, now=now)
        journal.note(AuditVerb.DELETE, row, before=flow_settings_as_json(row), now=now)


def _locked(versions: frozenset[int] | None, *, now: datetime) -> tuple[FlowStanding, datetime]:
    """Return how flow control stands under its lock, and when.

    Whoever waited for the lock comes after whom he waited for, who may have read the clock later.
    """
    claims.flow_state(connections.current())
    now = max([now, *(one.asked_at for one in flow.asked(connections.current()))])
    standing = flow_standing(now=now)
    refuse_stale(standing.version, accepted=versions)
    return standing, now


def _is_so(current: FlowControl | None, given: Given, expires_at: datetime | None) -> bool:
    """Tell whether what is asked for is in force already: a monitoring system may say the same each second."""
    if current is None:
        return False
    asked = (given.values["document"], given.values.get("reason"), expires_at)
    return (current.document, current.reason, current.expires_at) == asked

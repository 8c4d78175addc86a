"""The settings of namespaces: create, change, delete. One without a row has the defaults, and tasks may name it.

`bound_to` is the namespace that the caller is bound to, None for a caller of every namespace. Shares of a backlog and
secrets are handed out among namespaces, so who is bound to one gives it neither.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from register import channels, journal
from register.errors import BoundForbidden, NamespaceInUse, NamespaceNotFound, NamespaceTaken
from register.given import Given
from register.names import KEY_MAX_LENGTH, is_key
from register.stored import Stored
from register.versions import refuse_stale, store
from scheduler import claims, connections
from scheduler.engine import urls
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput
from scheduler.models import ApiToken, Calendar, Namespace, Task, Template, Webhook
from scheduler.models.choices import AuditVerb
from scheduler.representations import namespace_as_json

CREATED_BY_LENGTH = 100

_OF_BOUND_ADMINS = frozenset({"description", "notify_channel"})


def listed(*, bound_to: str | None) -> QuerySet[Namespace]:
    """Return the namespaces with settings that the caller may see."""
    every = Namespace.objects.all()
    return every if bound_to is None else every.filter(name=bound_to)


def find(name: str, *, bound_to: str | None) -> Namespace:
    """Return one namespace. Raises NamespaceNotFound."""
    # No name reaches the database that no row can have: a NUL would be an error there.
    is_name = len(name) <= KEY_MAX_LENGTH and is_key(name)
    namespace = listed(bound_to=bound_to).filter(name=name).first() if is_name else None
    if namespace is None:
        raise NamespaceNotFound
    return namespace


def create_namespace(given: Given, *, actor: str, bound_to: str | None, now: datetime) -> Namespace:
    """Store the settings of a namespace, whose tasks may be there already.

    Raises BoundForbidden, InvalidInput, NamespaceTaken.
    """
    if bound_to is not None:
        raise BoundForbidden
    if given.faults:
        raise InvalidInput(given.faults)
    namespace = Namespace(**given.values, created_at=now, updated_at=now, created_by=actor[:CREATED_BY_LENGTH])
    try:
        with transaction.atomic():
            namespace.save(force_insert=True)
            _refuse_channel(namespace)
            journal.note(AuditVerb.CREATE, namespace, after=_settings(namespace), now=now)
    except IntegrityError as error:
        # Every bound was checked: what is left is the key, and only that can tell which of two was first.
        raise NamespaceTaken from error
    return namespace


def change_namespace(
    name: str, given: Given, *, bound_to: str | None, now: datetime, versions: frozenset[int] | None = None
) -> Namespace:
    """Change the fields given and return the namespace; its version grows where that changes it.

    `versions` are those that If-Match accepts, None accepts any. Raises NamespaceNotFound, VersionStale,
    InvalidInput, BoundForbidden.
    """
    with transaction.atomic():
        namespace = _locked(name, bound_to=bound_to, versions=versions)
        if faults := [*given.faults, *_fixed(namespace, given)]:
            raise InvalidInput(faults)
        changed = {column: value for column, value in given.values.items() if getattr(namespace, column) != value}
        if bound_to is not None and changed.keys() - _OF_BOUND_ADMINS:
            raise BoundForbidden
        if changed:
            before = _settings(namespace)
            store(namespace, changed, now=now)
            if changed.keys() & {"notify_channel", "secret_names"}:
                _refuse_channel(namespace)
            journal.change(namespace, before, _settings(namespace), now=now)
    return namespace


def delete_namespace(name: str, *, bound_to: str | None, now: datetime, versions: frozenset[int] | None = None) -> None:
    """Delete the settings of a namespace in which there is nothing.

    A task that is registered in it meanwhile has the defaults, as in any namespace without settings. Raises
    NamespaceNotFound, BoundForbidden, VersionStale, NamespaceInUse.
    """
    with transaction.atomic():
        namespace = _locked(name, bound_to=bound_to, versions=versions)
        if bound_to is not None:
            raise BoundForbidden
        if kinds := list(_inhabitants(name, now=now)):
            raise NamespaceInUse(f"The namespace still has {_listed(kinds)}.")
        journal.note(AuditVerb.DELETE, namespace, before=_settings(namespace), now=now)
        namespace.delete()


def _locked(name: str, *, bound_to: str | None, versions: frozenset[int] | None) -> Namespace:
    find(name, bound_to=bound_to)
    claims.namespace_to_edit(connections.current(), name)
    namespace = find(name, bound_to=bound_to)
    refuse_stale(namespace.version, accepted=versions)
    return namespace


def _refuse_channel(namespace: Namespace) -> None:
    """Refuse a channel that leads nowhere, by the settings that are stored. Raises InvalidInput."""
    channel: dict[str, Any] | None = namespace.notify_channel
    if found := channels.faults(channel, at="notifyChannel", namespace=namespace.name, among=Stored()):
        raise InvalidInput(found)


def _settings(namespace: Namespace) -> dict[str, Any]:
    shown = namespace_as_json(namespace) | {"notifyChannel": _nameable(namespace.notify_channel)}
    return {name: shown[name] for name in ("weight", "description", "secretNames", "notifyChannel", "retentionDays")}


def _nameable(channel: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a channel as the audit has it: whoever knows where a chat listens may write in it."""
    if channel is None or not isinstance(channel.get("url"), str):
        return channel
    return channel | {"url": urls.read_url(channel["url"]).host_header}


def _fixed(namespace: Namespace, given: Given) -> Iterable[Fault]:
    if given.values.get("name", namespace.name) != namespace.name:
        message = f"A namespace keeps its name ({namespace.name}): tasks, history and tokens carry it."
        yield Fault("name", "impossible", message, is_impossible=True)


def _listed(words: list[str]) -> str:
    return " and ".join([*filter(None, [", ".join(words[:-1])]), words[-1]])


def _inhabitants(name: str, *, now: datetime) -> Iterable[str]:
    # Not how many: a namespace may hold a million tasks.
    if Task.objects.filter(namespace=name).exclude(status=TaskStatus.DELETED).exists():
        yield "tasks"
    if Calendar.objects.filter(namespace=name, deleted_at=None).exists():
        yield "calendars"
    if Template.objects.filter(namespace=name, deleted_at=None).exists():
        yield "templates"
    if Webhook.objects.filter(namespace=name, deleted_at=None).exists():
        yield "webhooks"
    alive = Q(expires_at=None) | Q(expires_at__gt=now)
    if ApiToken.objects.filter(alive, namespace=name, revoked_at=None).exists():
        yield "tokens"

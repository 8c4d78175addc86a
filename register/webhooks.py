"""The verbs of webhooks: create, change, delete, a new secret, a test, a replay. Each is one transaction.

A caller who is bound to a `namespace` sees and writes the webhooks of that namespace only.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.db.transaction import atomic

from register import journal, sharing
from register.errors import DeliveryNotFound, DeliveryPending, VersionStale, WebhookNotFound, WebhookOff
from register.given import Given
from scheduler import claims, connections, webhooks
from scheduler.engine import urls
from scheduler.engine import webhooks as rules
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Delivery, Webhook
from scheduler.models.choices import AuditVerb
from scheduler.models.webhook import DeliveryStatus

CREATED_BY_LENGTH = 100
MOST_WEBHOOKS = 1_000

_OF_FAILURES = ("failing_since", "not_before", "switched_off_at", "switched_off_reason")
_SETTINGS = ("url", "events", "description", "is_active")


def listed(*, namespace: str | None) -> QuerySet[Webhook]:
    """Return the webhooks that the caller may see."""
    every = Webhook.objects.filter(deleted_at=None)
    return every if namespace is None else every.filter(namespace=namespace)


def find(webhook_id: UUID, *, namespace: str | None) -> Webhook:
    """Return one webhook. Raises WebhookNotFound."""
    webhook = listed(namespace=namespace).filter(id=webhook_id).first()
    if webhook is None:
        raise WebhookNotFound
    return webhook


def create_webhook(given: Given, *, actor: str, namespace: str | None, now: datetime) -> tuple[Webhook, str]:
    """Store a webhook and return it with its secret, which is shown this once.

    Without a namespace of its own it is the caller's, or is told of all. Raises InvalidInput, NamespaceForbidden.
    """
    values = {"namespace": namespace} | given.values
    sharing.refuse_foreign(values["namespace"], namespace=namespace)
    with atomic():
        if faults := [*given.faults, *_too_many()]:
            raise InvalidInput(faults)
        webhook = Webhook(**values, created_at=now, updated_at=now, created_by=actor[:CREATED_BY_LENGTH])
        webhook.save(force_insert=True)
        journal.note(AuditVerb.CREATE, webhook, after=_settings(webhook), now=now)
    return webhook, _secret(webhook)


def change_webhook(
    webhook_id: UUID, given: Given, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None
) -> Webhook:
    """Change the fields given and return the webhook; one that is switched on again is tried as if it were new.

    `versions` are those that If-Match accepts, None accepts any. Raises WebhookNotFound, VersionStale, InvalidInput.
    """
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=versions)
        if faults := [*given.faults, *sharing.moved(webhook, given, kind="webhook")]:
            raise InvalidInput(faults)
        before = _settings(webhook)
        changed = {name: given.values[name] for name in _SETTINGS if name in given.values}
        changed = {name: value for name, value in changed.items() if getattr(webhook, name) != value}
        if changed.get("is_active"):
            changed |= {"failure_count": 0, **dict.fromkeys(_OF_FAILURES)}
        if changed:
            _store(webhook, changed, now=now)
            journal.change(webhook, before, _settings(webhook), now=now)
    return webhook


def delete_webhook(
    webhook_id: UUID, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None
) -> None:
    """Tell it nothing more, of what it has not been told of yet neither. Raises WebhookNotFound, VersionStale."""
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=versions)
        journal.note(AuditVerb.DELETE, webhook, before=_settings(webhook), now=now)
        _store(webhook, {"is_active": False, "deleted_at": now}, now=now)


def rotate_secret(webhook_id: UUID, *, namespace: str | None, now: datetime) -> tuple[Webhook, str]:
    """Give a webhook a new secret and return it, shown this once; for a day messages carry both signatures.

    Raises WebhookNotFound.
    """
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=None)
        _store(webhook, {"secret_version": webhook.secret_version + 1, "secret_changed_at": now}, now=now)
        journal.note(AuditVerb.ROTATE, webhook, now=now)
    return webhook, _secret(webhook)


def send_test(webhook_id: UUID, *, namespace: str | None, now: datetime) -> Delivery:
    """Send a message that says nothing, and return it, PENDING. Raises WebhookNotFound, WebhookOff."""
    with atomic():
        webhook = _active(webhook_id, namespace=namespace)
        made = webhooks.send_test(connections.current(), webhook.id, webhook.namespace, now=now)
        journal.note(AuditVerb.SEND, webhook, after={"deliveryId": str(made)}, now=now)
    return Delivery.objects.get(id=made)


def replay(webhook_id: UUID, delivery_id: UUID, *, namespace: str | None, now: datetime) -> Delivery:
    """Send a message again that has come to its end, under its own id, and return it, PENDING.

    Raises WebhookNotFound, WebhookOff, DeliveryNotFound, DeliveryPending.
    """
    with atomic():
        webhook = _active(webhook_id, namespace=namespace)
        status = claims.delivery(connections.current(), delivery_id, webhook=webhook.id)
        if status is None:
            raise DeliveryNotFound
        if status == DeliveryStatus.PENDING:
            raise DeliveryPending
        webhooks.replay(connections.current(), delivery_id, now=now)
        journal.note(AuditVerb.SEND, webhook, after={"deliveryId": str(delivery_id)}, now=now)
    return Delivery.objects.get(id=delivery_id)


def deliveries(webhook_id: UUID, *, namespace: str | None) -> QuerySet[Delivery]:
    """Return the messages of a webhook. Raises WebhookNotFound."""
    return Delivery.objects.filter(webhook=find(webhook_id, namespace=namespace))


def find_delivery(webhook_id: UUID, delivery_id: UUID, *, namespace: str | None) -> Delivery:
    """Return one message. Raises WebhookNotFound, DeliveryNotFound."""
    delivery = deliveries(webhook_id, namespace=namespace).filter(id=delivery_id).first()
    if delivery is None:
        raise DeliveryNotFound
    return delivery


def _secret(webhook: Webhook) -> str:
    return rules.secret(settings.SECRET_KEY, webhook.id, webhook.secret_version)


def _locked(webhook_id: UUID, *, namespace: str | None, versions: frozenset[int] | None) -> Webhook:
    find(webhook_id, namespace=namespace)
    if not claims.webhook_to_edit(connections.current(), webhook_id):
        raise WebhookNotFound
    webhook = find(webhook_id, namespace=namespace)
    if versions is not None and webhook.version not in versions:
        raise VersionStale
    return webhook


def _active(webhook_id: UUID, *, namespace: str | None) -> Webhook:
    webhook = find(webhook_id, namespace=namespace)
    if not webhook.is_active:
        raise WebhookOff
    return webhook


def _store(webhook: Webhook, changed: dict[str, Any], *, now: datetime) -> None:
    for column, value in changed.items():
        setattr(webhook, column, value)
    webhook.version += 1
    webhook.updated_at = now
    webhook.save(update_fields=[*changed, "version", "updated_at"])


def _too_many() -> Iterator[Fault]:
    # What has happened is held against each of them.
    if Webhook.objects.filter(deleted_at=None).count() >= MOST_WEBHOOKS:
        message = f"There are {MOST_WEBHOOKS:,} webhooks already: delete one that nobody needs."
        yield Fault("url", "too_many", message, is_impossible=True)


def _settings(webhook: Webhook) -> dict[str, Any]:
    """Return what an audit record has of a webhook: of the url not the query, which may hold a key."""
    return {
        "url": urls.read_url(webhook.url).without_query,
        "events": webhook.events,
        "description": webhook.description,
        "isActive": webhook.is_active,
    }

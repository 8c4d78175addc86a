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
from register.errors import DeliveryNotFound, DeliveryPending, WebhookNotFound, WebhookOff
from register.given import Given
from register.versions import refuse_stale, store
from scheduler import claims, connections, webhooks
from scheduler.engine import urls
from scheduler.engine import webhooks as rules
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Delivery, Webhook
from scheduler.models.choices import AuditVerb
from scheduler.models.webhook import DeliveryStatus
from scheduler.representations import instant
from scheduler.webhooks import Which

CREATED_BY_LENGTH = 100
MOST_WEBHOOKS = 1_000
MOST_REPLAYED = 10_000

_NEVER_FAILED = {"failure_count": 0, "failing_since": None, "not_before": None}
_NEVER_SWITCHED_OFF = {"switched_off_at": None, "switched_off_reason": None}
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

    So is one that listens elsewhere now: what the old address did not take says nothing of the new one.

    `versions` are those that If-Match accepts, None accepts any. Raises WebhookNotFound, VersionStale, InvalidInput.
    """
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=versions)
        if faults := [*given.faults, *sharing.moved(webhook, given, kind="webhook")]:
            raise InvalidInput(faults)
        before = _settings(webhook)
        changed = {name: given.values[name] for name in _SETTINGS if name in given.values}
        changed = {name: value for name, value in changed.items() if getattr(webhook, name) != value}
        if changed.get("is_active") or "url" in changed:
            changed |= _NEVER_FAILED
        if changed.get("is_active"):
            changed |= _NEVER_SWITCHED_OFF
        if changed:
            store(webhook, changed, now=now)
            journal.change(webhook, before, _settings(webhook), now=now)
    return webhook


def delete_webhook(
    webhook_id: UUID, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None
) -> None:
    """Tell it nothing more, of what it has not been told of yet neither. Raises WebhookNotFound, VersionStale."""
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=versions)
        journal.note(AuditVerb.DELETE, webhook, before=_settings(webhook), now=now)
        store(webhook, {"is_active": False, "deleted_at": now}, now=now)


def rotate_secret(webhook_id: UUID, *, namespace: str | None, now: datetime) -> tuple[Webhook, str]:
    """Give a webhook a new secret and return it, shown this once; for a day deliveries carry both signatures.

    Raises WebhookNotFound.
    """
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=None)
        store(webhook, {"secret_version": webhook.secret_version + 1, "secret_changed_at": now}, now=now)
        journal.note(AuditVerb.ROTATE, webhook, now=now)
    return webhook, _secret(webhook)


def send_test(webhook_id: UUID, *, namespace: str | None, now: datetime) -> Delivery:
    """Send a delivery that says nothing, and return it, PENDING. Raises WebhookNotFound, WebhookOff."""
    with atomic():
        webhook = _active(webhook_id, namespace=namespace)
        webhooks.try_now(connections.current(), webhook.id)
        made = webhooks.send_test(connections.current(), webhook.id, webhook.namespace, now=now)
        journal.note(AuditVerb.SEND, webhook, after={"deliveryId": str(made)}, now=now)
    return Delivery.objects.get(id=made)


def replay(webhook_id: UUID, delivery_id: UUID, *, namespace: str | None, now: datetime) -> Delivery:
    """Send a delivery again that has come to its end, under its own id, and return it, PENDING.

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
        webhooks.try_now(connections.current(), webhook.id)
        journal.note(AuditVerb.SEND, webhook, after={"deliveryId": str(delivery_id)}, now=now)
    return Delivery.objects.get(id=delivery_id)


def replay_many(webhook_id: UUID, which: Which, *, namespace: str | None, now: datetime) -> int:
    """Send deliveries again that have come to their end, the oldest first, at most MOST_REPLAYED; return how many.

    Raises WebhookNotFound, WebhookOff.
    """
    with atomic():
        webhook = _locked(webhook_id, namespace=namespace, versions=None)
        if not webhook.is_active:
            raise WebhookOff
        webhooks.try_now(connections.current(), webhook.id)
        count = webhooks.replay_many(connections.current(), webhook.id, which, limit=MOST_REPLAYED, now=now)
        if count:
            asked = {
                "status": which.status,
                "event": which.event,
                "from": instant(which.begin),
                "to": instant(which.end),
            }
            told = {name: value for name, value in asked.items() if value is not None}
            journal.note(AuditVerb.SEND, webhook, after={"deliveryCount": count, **told}, now=now)
    return count


def deliveries(webhook_id: UUID, *, namespace: str | None) -> QuerySet[Delivery]:
    """Return the deliveries of a webhook. Raises WebhookNotFound."""
    return Delivery.objects.filter(webhook=find(webhook_id, namespace=namespace))


def find_delivery(webhook_id: UUID, delivery_id: UUID, *, namespace: str | None) -> Delivery:
    """Return one delivery. Raises WebhookNotFound, DeliveryNotFound."""
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
    refuse_stale(webhook.version, accepted=versions)
    return webhook


def _active(webhook_id: UUID, *, namespace: str | None) -> Webhook:
    webhook = find(webhook_id, namespace=namespace)
    if not webhook.is_active:
        raise WebhookOff
    return webhook


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

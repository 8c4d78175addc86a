"""Makes and revokes API tokens; their secrets are shown once and stored as hashes.

A caller who is bound to a `namespace` sees, makes and revokes the tokens of that namespace only, None those of all. Who
may do any of it has the largest role, so that no token makes a larger one.
"""

import logging
import secrets
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.transaction import atomic

from register import journal
from register.errors import NamespaceForbidden, TokenNotFound
from register.given import Given
from register.names import KEY_MAX_LENGTH, is_key
from scheduler.errors import Fault, InvalidInput
from scheduler.models import ApiToken
from scheduler.models.choices import AuditVerb, Role
from scheduler.representations import instant
from scheduler.tokens import hash_secret

SECRET_BYTES = 32
# Lets scanners that look for leaked credentials know one when they see it.
SECRET_PREFIX = "psk_"  # noqa: S105 - a prefix, not a secret
NAME_MAX_LENGTH = 100  # a task's created_by holds it
LONGEST_DAYS = 36_500

logger = logging.getLogger(__name__)


def create_token(
    name: str, *, role: str, namespace: str | None = None, expires_at: datetime | None = None, now: datetime
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which cannot be had again.

    `namespace` None is every namespace, `expires_at` None is never. Raises ValueError, which says what is wrong.
    """
    name = name.strip()
    if not name or len(name) > NAME_MAX_LENGTH or not name.isprintable():
        raise ValueError(f"A token's name has 1 to {NAME_MAX_LENGTH} printable characters.")
    if role not in Role.values:
        raise ValueError(f"There is no role {role!r}; choose one of {', '.join(Role.values)}.")
    if namespace is not None and (len(namespace) > KEY_MAX_LENGTH or not is_key(namespace)):
        raise ValueError(
            f"A namespace has 1 to {KEY_MAX_LENGTH} letters A to Z, digits, dots, hyphens and underscores, "
            "and begins with a letter or digit."
        )
    if expires_at is not None and expires_at <= now:
        raise ValueError("A token must expire in the future.")
    secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    with atomic():
        token = ApiToken.objects.create(
            name=name,
            secret_hash=hash_secret(secret),
            role=role,
            namespace=namespace,
            created_at=now,
            expires_at=expires_at,
        )
        made = {"role": token.role, "namespace": token.namespace, "expiresAt": instant(token.expires_at)}
        journal.note(AuditVerb.CREATE, token, after=made, now=now)
    return token, secret


def issue_token(given: Given, *, actor: str, namespace: str | None, now: datetime) -> tuple[ApiToken, str]:
    """Make a token for a caller and return it with its secret; it is of the caller's namespace unless given.

    Raises InvalidInput, NamespaceForbidden.
    """
    values = {"namespace": namespace} | given.values
    if namespace not in (None, values["namespace"]):
        raise NamespaceForbidden
    days = values.pop("expires_in_days", None)
    faults = [*given.faults, *_expiry_faults(values.get("expires_at"), days, now=now)]
    if faults:
        raise InvalidInput(faults)
    if days is not None:
        values["expires_at"] = now + timedelta(days=days)
    token, secret = create_token(**values, now=now)
    logger.info(
        "Token %d (%s of %s) was made by %s.", token.id, token.role, token.namespace or "every namespace", actor
    )
    return token, secret


def tokens(*, namespace: str | None) -> QuerySet[ApiToken]:
    """Return the tokens that a caller may see, those that are revoked or expired among them."""
    every = ApiToken.objects.all()
    return every if namespace is None else every.filter(namespace=namespace)


def find_token(token_id: int, *, namespace: str | None) -> ApiToken:
    """Return one token. Raises TokenNotFound."""
    token = tokens(namespace=namespace).filter(id=token_id).first()
    if token is None:
        raise TokenNotFound
    return token


def revoke_token(token_id: int, *, actor: str, namespace: str | None, now: datetime) -> None:
    """Revoke a token, which every process refuses from then on: each request looks it up.

    Raises TokenNotFound, also for one that is revoked already: the instant of the first time stays.
    """
    with atomic():
        if not tokens(namespace=namespace).filter(id=token_id, revoked_at=None).update(revoked_at=now):
            raise TokenNotFound
        token = find_token(token_id, namespace=namespace)
        journal.note(AuditVerb.REVOKE, token, after={"revokedAt": instant(now)}, now=now)
    logger.info("Token %d was revoked by %s.", token_id, actor)


def _expiry_faults(at: datetime | None, days: int | None, *, now: datetime) -> list[Fault]:
    if at is not None and days is not None:
        return [Fault("expiresInDays", "impossible", "Give expiresAt or expiresInDays, not both.", is_impossible=True)]
    if at is not None and at <= now:
        return [Fault("expiresAt", "impossible", "A token must expire in the future.", is_impossible=True)]
    return []

"""Who calls: API tokens by their secret. `register.access` makes them, web processes look them up here."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import Q

from scheduler.models import ApiToken

USE_IS_NOTED_EVERY = timedelta(minutes=1)
WRITE_IS_NOTED_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request, and `now`: the clock, read once when the request came in.

    `namespace` None sees every namespace.
    """

    name: str
    role: str
    namespace: str | None
    now: datetime


def caller_of(request: Any) -> Caller:
    """Return who sent an API request, with the clock as it was read when it came in."""
    return cast(Caller, request.auth)


def hash_secret(secret: str) -> str:
    """Return what is stored of a secret; 256 random bits need neither salt nor a slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(secret: str, now: datetime) -> ApiToken | None:
    """Return the token that this secret belongs to, unless it is unknown, revoked or expired at `now`."""
    token = ApiToken.objects.filter(secret_hash=hash_secret(secret)).first()
    if token is None or token.revoked_at is not None:
        return None
    if token.expires_at is not None and token.expires_at <= now:
        return None
    _note_use(token, now)
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    """Write `last_used_at` at most once a minute: a busy token's row would else be rewritten by every request."""
    stale = now - USE_IS_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > stale:
        return
    unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=stale)
    ApiToken.objects.filter(unnoted, id=token.id).update(last_used_at=now)


def note_write(token: ApiToken, now: datetime) -> None:
    """Note that a request by this token that may have written has ended, at most once a second.

    For some seconds its reads go where it has written, whichever process they come to.
    """
    stale = now - WRITE_IS_NOTED_EVERY
    if token.last_write_at is None or token.last_write_at <= stale:
        unnoted = Q(last_write_at__isnull=True) | Q(last_write_at__lte=stale)
        ApiToken.objects.filter(unnoted, id=token.id).update(last_write_at=now)

"""Makes API tokens; their secrets are shown once and stored as hashes."""

import secrets
from datetime import datetime

from register.names import KEY_MAX_LENGTH, is_key
from scheduler.models import ApiToken
from scheduler.models.choices import Role
from scheduler.tokens import hash_secret

SECRET_BYTES = 32
# Lets scanners that look for leaked credentials know one when they see it.
SECRET_PREFIX = "psk_"  # noqa: S105 - a prefix, not a secret
NAME_MAX_LENGTH = 100  # a task's created_by holds it


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
    token = ApiToken.objects.create(
        name=name,
        secret_hash=hash_secret(secret),
        role=role,
        namespace=namespace,
        created_at=now,
        expires_at=expires_at,
    )
    return token, secret

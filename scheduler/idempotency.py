"""Idempotency keys: one answer for each use of a key, whoever repeats the request, and whenever, for a day.

A key is taken in a transaction of its own, so that a second request sees it at once, and answered in the transaction
of the request's own work: both are there or neither. A request whose key was taken over meanwhile finds that it no
longer holds it, and must be undone.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

import psycopg
from psycopg.types.json import Json

KEPT_FOR = timedelta(hours=24)
# A request that has not ended by then has lost its process, or its client behind the gateway.
TAKEN_OVER_AFTER = timedelta(seconds=60)
KEY_RULE = (
    "Use 1 to 255 printable ASCII characters; no comma, for two headers arrive as one with it; "
    "spaces only between others."
)

# A gateway or a server joins repeated headers with commas, and cuts spaces off.
_KEY = re.compile(r"[!-+\--~](?:[ -+\--~]{0,253}[!-+\--~])?")
KEY_PATTERN = _KEY.pattern
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Use:
    """A key as a token has sent it to a path, and `digest`: what was sent with it."""

    token_id: int
    path: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, byte for byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Standing(Enum):
    """Where a use of a key stands that has no answer to be given again."""

    TAKEN = auto()  # by this request, which is to run
    IN_PROGRESS = auto()
    OTHERWISE_USED = auto()


def is_key(text: str) -> bool:
    """Tell whether this may be a key."""
    return _KEY.fullmatch(text) is not None


def digest(*, method: str, query: str, body: bytes) -> bytes:
    """Return what tells one request to a path from another: the bytes as they came."""
    return hashlib.sha256(f"{method} {query}\n".encode() + body).digest()


_TAKE = """
INSERT INTO scheduler_idempotency AS i (token_id, path, key, digest, taken_at, expires_at)
VALUES (%(token)s, %(path)s, %(key)s, %(digest)s, %(now)s, %(expires_at)s)
ON CONFLICT (token_id, path, key) DO UPDATE
SET digest = excluded.digest, taken_at = excluded.taken_at, expires_at = excluded.expires_at,
    answer_status = NULL, answer_headers = NULL, answer_body = NULL
WHERE i.expires_at <= excluded.taken_at
   OR (i.answer_status IS NULL AND i.taken_at <= %(silent_since)s AND i.digest = excluded.digest)
RETURNING id
"""

_READ = """
SELECT digest, answer_status, answer_headers::text, answer_body FROM scheduler_idempotency
WHERE token_id = %s AND path = %s AND key = %s
"""

_ANSWER = """
UPDATE scheduler_idempotency SET answer_status = %s, answer_headers = %s, answer_body = %s
WHERE token_id = %s AND path = %s AND key = %s AND taken_at = %s AND answer_status IS NULL
"""

_RELEASE = """
DELETE FROM scheduler_idempotency
WHERE token_id = %s AND path = %s AND key = %s AND taken_at = %s AND answer_status IS NULL
"""

_FORGET = """
DELETE FROM scheduler_idempotency WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_idempotency WHERE expires_at <= %s ORDER BY expires_at, id LIMIT %s FOR UPDATE SKIP LOCKED
))
"""


def take(connection: psycopg.Connection, use: Use, *, now: datetime) -> Answer | Standing:
    """Take the key for the request that came in at `now`, or return how it stands; commit before the request runs.

    A use that is older than a day is none. One that has been in progress for a minute is taken over.
    """
    parameters = {
        "token": use.token_id,
        "path": use.path,
        "key": use.key,
        "digest": use.digest,
        "now": now,
        "expires_at": now + KEPT_FOR,
        "silent_since": now - TAKEN_OVER_AFTER,
    }
    for _ in range(_TRIES):
        if connection.execute(_TAKE, parameters).fetchone():
            return Standing.TAKEN
        if row := connection.execute(_READ, (use.token_id, use.path, use.key)).fetchone():
            return _standing(use, *row)
        # Its request failed in between, and gave the key back.
    return Standing.IN_PROGRESS


def answer(connection: psycopg.Connection, use: Use, given: Answer, *, taken_at: datetime) -> bool:
    """Keep the answer, inside the transaction of the request's work; False where the key was taken over meanwhile."""
    values = (given.status, Json(dict(given.headers)), given.body)
    return connection.execute(_ANSWER, (*values, use.token_id, use.path, use.key, taken_at)).rowcount == 1


def release(connection: psycopg.Connection, use: Use, *, taken_at: datetime) -> None:
    """Give back a key whose request has failed, unless another has taken it over or it was answered after all."""
    connection.execute(_RELEASE, (use.token_id, use.path, use.key, taken_at))


def forget(connection: psycopg.Connection, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` uses that have expired; return how many."""
    return connection.execute(_FORGET, (now, limit)).rowcount


def _standing(use: Use, digest: bytes, status: int | None, headers: str, body: bytes) -> Answer | Standing:
    if digest != use.digest:
        return Standing.OTHERWISE_USED
    if status is None:
        return Standing.IN_PROGRESS
    return Answer(status, json.loads(headers), body)

"""Channels of notifications: whether they lead anywhere, and as people read them.

Whoever knows where a chat listens may write in it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from register import secrets
from register.surroundings import Surroundings
from scheduler.engine import urls
from scheduler.engine.placeholders import SECRET, is_secret
from scheduler.errors import Fault


def faults(channel: Mapping[str, Any] | None, *, at: str, namespace: str, among: Surroundings) -> list[Fault]:
    """Return why nobody would be told by a channel, the field `at`: a secret or a webhook that is not there."""
    found = secrets.unlisted_in(channel, at=at, namespace=namespace, among=among)
    if channel is None or channel["kind"] != "WEBHOOK":
        return found
    webhook = channel["webhookId"]
    if not among.has_webhook(UUID(webhook), namespace=namespace):
        message = f"There is no webhook {webhook} of the namespace {namespace}, nor of all: create it first."
        found.append(Fault(f"{at}.webhookId", "unknown", message, is_impossible=True))
    return found


def in_words(channel: Mapping[str, Any] | None) -> str:
    """Return where a channel leads: of a chat the host alone."""
    if channel is None:
        return "nobody"
    if channel["kind"] == "EMAIL":
        return f"by e-mail to {', '.join(channel['to'])}"
    if channel["kind"] == "CHAT":
        url = channel["url"]
        if is_secret(url):
            return f"in a chat at the secret {url[SECRET]}"
        return f"in a chat at {urls.read_url(url).host_header}"
    return f"by the webhook {channel['webhookId']}"

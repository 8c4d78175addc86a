"""Who acts in a web process: from where a request comes, why, and who is logged in; the token's name follows later."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from platform_scheduler.problems import invalid_input, plain_answer
from register.operators import actor_of
from scheduler.acting import Actor, acting
from scheduler.errors import Fault
from scheduler.models.choices import Via

REASON = "X-Reason"
REASON_MAX_LENGTH = 1_000
NOBODY = "nobody"

Address = IPv4Address | IPv6Address

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class InvalidReason(ValueError):
    """The header holds no reason; the message says what is wrong."""


class Acting:
    """Middleware, behind the one that knows who is logged in. Reads are nobody's doing, and pay nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with whoever sent it as the one who acts."""
        if request.method in _SAFE:
            return self.get_response(request)
        try:
            actor = _actor(request)
        except InvalidReason as refusal:
            return plain_answer(invalid_input([Fault(REASON, "invalid", str(refusal))]))
        with acting(actor):
            return self.get_response(request)


def _actor(request: HttpRequest) -> Actor:
    # Whoever asks for the user reads the session: without its cookie there is none.
    is_logged_in = settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
    name = actor_of(request) if is_logged_in else NOBODY
    return Actor(name, Via.CONSOLE, address=address_of(request), reason=reason_of(request))


def reason_of(request: HttpRequest) -> str | None:
    """Return why, as the header says it: in ASCII, the rest as percent-encoded UTF-8; None without it.

    Raises InvalidReason.
    """
    raw = request.headers.get(REASON)
    if raw is None:
        return None
    # The server shows a header that is not ASCII as an empty one.
    if not raw.strip() or not raw.isascii():
        raise InvalidReason(
            "This is empty, or not all ASCII: leave it out, or write other characters percent-encoded, as in Gr%C3%BCn."
        )
    try:
        reason = unquote(raw, errors="strict").strip()
    except ValueError:
        raise InvalidReason("What is percent-encoded here is not UTF-8.") from None
    if len(reason) > REASON_MAX_LENGTH or not reason.isprintable():
        raise InvalidReason(f"This may have {REASON_MAX_LENGTH:,} printable characters, on one line.")
    return reason or None


def address_of(request: HttpRequest) -> str | None:
    """Return the address of the client, None where it cannot be told.

    Each hop adds to X-Forwarded-For whom it has heard, at its end; before that stands what it was told, which anybody
    can make up. So it is read from the end, as long as those who wrote are TRUSTED_PROXIES.
    """
    address = _read(request.META.get("REMOTE_ADDR", ""))
    for text in reversed(_forwarded(request)):
        if address is None or not _is_trusted(address):
            break
        further = _read(text)
        if further is None:
            break
        address = further
    return str(address) if address is not None else None


def _forwarded(request: HttpRequest) -> list[str]:
    header = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.TRUSTED_PROXIES else ""
    return [part.strip() for part in header.split(",")] if header else []


def _is_trusted(address: Address) -> bool:
    networks: Iterable[Any] = settings.TRUSTED_PROXIES
    return any(address in network for network in networks)


def _read(text: str) -> Address | None:
    """Return an address without its zone; an IPv4 one that came in an IPv6 one is what it is."""
    try:
        address = ip_address(text.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, IPv4Address) else address

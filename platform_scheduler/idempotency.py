"""`Idempotency-Key` on every POST of the API: the request runs once, and whoever repeats it gets the same answer.

The answer is committed with the work that it tells of, so a process that dies leaves both or neither. What a request
did is undone where its key was taken over while it ran. An answer that no cache may store holds a secret: it is kept
sealed.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import psycopg
from django.db import Error, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from platform_scheduler.parsing import body_of, limit_of
from platform_scheduler.problems import Problem, invalid_input, plain_answer
from platform_scheduler.sealing import seal, unseal
from scheduler import idempotency
from scheduler.connections import current
from scheduler.errors import Fault, InvalidInput
from scheduler.idempotency import Answer, Standing, Use
from scheduler.models import ApiToken
from scheduler.tokens import caller_of

if TYPE_CHECKING:
    _View = APIView
else:
    _View = object

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
MEMBER = "idempotencyKey"
REPLAYED = "Idempotency-Replayed"
LONGEST_PATH = 500

_KEPT_HEADERS = ("Content-Type", "ETag", "Location", "Cache-Control")
_REPEATABLE = frozenset({"PUT", "PATCH", "DELETE"})

_IN_PROGRESS = Problem(
    409,
    "in-progress",
    f"A request with this {HEADER} still runs. Send it again later: it will be answered as the first is.",
    headers={"Retry-After": "1"},
)
_OTHERWISE_USED = Problem(
    422,
    "key-reused",
    f"This {HEADER} was sent here with another body or query before: a new request needs a new key.",
    (Fault(HEADER, "reused", "It belongs to another request.", is_impossible=True),),
)
_NOT_TAKEN = Fault(
    HEADER, "unavailable", "Only a POST takes it. Leave it out: If-Match keeps a change from being made twice."
)
_SEALED_OTHERWISE = Problem(
    409,
    "answer-sealed",
    f"The request with this {HEADER} was carried out. Its answer holds a secret and was sealed with another "
    "SECRET_KEY, so it cannot be given again: look for what was made, and make a new secret.",
)

_TWO_NAMES = f"{HEADER} and {MEMBER} are two names of one key: send one of them, or the same in both."


class _TakenOver(Exception):
    """The key was taken over while its request ran: what that has done is to be undone."""


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Refuse the header where it would do nothing, on a change or a deletion; None lets the request go on."""
    if request.method in _REPEATABLE and HEADER in request.headers:
        return plain_answer(invalid_input([_NOT_TAKEN]))
    return None


def keyed(view_class: type[APIView]) -> type[APIView]:
    """Return the view with a `post` that minds the key; `takes_key_in_body` in it lets the body name one, too."""
    named = type(view_class.__name__, (_Keyed, view_class), {"__module__": view_class.__module__})
    return cast(type[APIView], named)


class _Keyed(_View):
    """Goes before a view, whose own `post` it calls; who calls and which role that needs has been checked by then."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer as the first request with this key was answered, or be the first."""
        use = _use_of(request, self)
        if use is None:
            return self._run(request, *args, **kwargs)
        found = idempotency.take(current(), use, now=caller_of(request).now)
        if found is Standing.TAKEN:
            return self._answer_once(use, request, *args, **kwargs)
        if isinstance(found, Answer):
            return _given_again(found)
        return plain_answer(_IN_PROGRESS if found is Standing.IN_PROGRESS else _OTHERWISE_USED)

    def _answer_once(self, use: Use, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run, and commit the answer with the work; a failure of ours undoes it and gives the key back."""
        taken_at = caller_of(request).now
        try:
            with transaction.atomic():
                answer = self._rendered(request, *args, **kwargs)
                if answer.status_code >= 500:
                    transaction.set_rollback(True)
                elif not idempotency.answer(current(), use, _kept(answer), taken_at=taken_at):
                    raise _TakenOver
        except _TakenOver:
            return plain_answer(_IN_PROGRESS)
        except BaseException:
            # Also where it is not known whether the commit went through: what was answered is not given back.
            _release(use, taken_at=taken_at)
            raise
        if answer.status_code >= 500:
            _release(use, taken_at=taken_at)
        return answer

    def _rendered(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: Any
        try:
            with transaction.atomic():
                answer = self._run(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - raised again where it is none of the refusals
            answer = self.handle_exception(error)
        final: HttpResponse = self.finalize_response(request, answer, *args, **kwargs)
        return final.render() if isinstance(final, Response) else final

    def _run(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        answer: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
        return answer


def _use_of(request: Request, view: APIView) -> Use | None:
    """Return which key came, and with what; None without one. Raises InvalidInput and what the parser raises."""
    header = request.headers.get(HEADER)
    takes_member = getattr(view, "takes_key_in_body", False)
    if header is None and not takes_member:
        return None
    body = body_of(request, limit=limit_of(view))
    # A body that cannot be read is refused here: it uses no key up.
    data = request.data
    member = _member(data) if takes_member else None
    if header is not None and not idempotency.is_key(header):
        raise InvalidInput([Fault(HEADER, "invalid", idempotency.KEY_RULE)])
    if header is not None and member is not None and member != header:
        raise InvalidInput([Fault(name, "different", _TWO_NAMES) for name in (HEADER, MEMBER)])
    key = header if header is not None else member
    if key is None:
        return None
    digest = idempotency.digest(method="POST", query=request.META.get("QUERY_STRING", ""), body=body)
    return Use(cast(ApiToken, request.user).id, _place(request.path), key, digest)


def _place(path: str) -> str:
    """Return what tells a path from others: itself, or its hash where an index would not take it."""
    return path if len(path) <= LONGEST_PATH else hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


def _member(data: Any) -> str | None:
    """Return the key in the body; one that cannot be a key is the view's to refuse, with all other faults."""
    member = data.get(MEMBER) if isinstance(data, dict) else None
    return member if isinstance(member, str) and idempotency.is_key(member) else None


def _kept(answer: HttpResponse) -> Answer:
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    content = bytes(answer.content)
    return Answer(answer.status_code, headers, seal(content) if _is_secret(headers) else content)


def _given_again(kept: Answer) -> HttpResponse:
    body = unseal(bytes(kept.body)) if _is_secret(kept.headers) else kept.body
    if body is None:
        return plain_answer(_SEALED_OTHERWISE)
    return HttpResponse(body, status=kept.status, headers={**kept.headers, REPLAYED: "true"})


def _is_secret(headers: Mapping[str, str]) -> bool:
    return headers.get("Cache-Control") == "no-store"


def _release(use: Use, *, taken_at: datetime) -> None:
    try:
        idempotency.release(current(), use, taken_at=taken_at)
    except (Error, psycopg.Error) as error:
        logger.warning("An idempotency key stays in progress until it may be taken over: %s", error)

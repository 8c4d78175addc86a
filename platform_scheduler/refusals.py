"""The refusals of the OpenAPI document: what each status means, and which operations answer it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from rest_framework.permissions import SAFE_METHODS

from platform_scheduler.problems import CONTENT_TYPE, Problem
from scheduler.errors import Fault
from scheduler.models.choices import Role

_FAULT: Final = (Fault("priority", "invalid", "This must be a whole number."),)
_IMPOSSIBLE: Final = (Fault("cronExpression", "never_fires", "There is no 30 February: it would never fire."),)
_WAIT: Final = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "example": 5},
}
_CHALLENGE: Final = {
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}, "example": "Bearer"},
}


@dataclass(frozen=True, slots=True)
class _Refusal:
    meaning: str
    example: Problem
    headers: Mapping[str, Any] | None = None


def _refusal(
    status: int, kind: str, meaning: str, detail: str, faults: tuple[Fault, ...] = (), **headers: Any
) -> _Refusal:
    return _Refusal(meaning, Problem(status, kind, detail, faults), headers.get("headers"))


_REFUSALS: Final = {
    400: _refusal(
        400, "invalid-input", "What was sent is malformed; `errors` names each fault.",
        "One field is not as the API has it; see errors.", _FAULT,
    ),
    401: _refusal(
        401, "unauthenticated", "There is no token, or it is not valid.",
        "Authentication credentials were not provided.", headers=_CHALLENGE,
    ),
    403: _refusal(
        403, "forbidden", "The token's role does not allow it, or it is bound to another namespace.",
        "This needs the role editor.",
    ),
    404: _refusal(
        404, "not-found", "There is nothing of that id, or the token may not see it.", "There is no such task.",
    ),
    406: _refusal(
        406, "not-acceptable", "`Accept` asks for what there is not.",
        "Could not satisfy the request Accept header.",
    ),
    409: _refusal(
        409, "name-taken",
        "Its state or another one's name is in the way; or the first request of this key still runs (`Retry-After`).",
        "Another task of this namespace has this name.",
    ),
    411: _refusal(
        411, "length-required", "The body's length is not told.", "Send the body with a Content-Length.",
    ),
    412: _refusal(
        412, "version-stale", "It is no longer the version that `If-Match` names.",
        "It has changed since: read it again, then send its ETag as If-Match.",
    ),
    413: _refusal(413, "too-large", "The body is too large.", "The request's body is too large."),
    415: _refusal(
        415, "unsupported-media-type", "The body is not JSON by its `Content-Type`.",
        'Unsupported media type "text/plain" in request.',
    ),
    422: _refusal(
        422, "impossible", "What was sent is well-formed and still cannot be; `errors` names each fault.",
        "One field is well-formed and still cannot be; see errors.", _IMPOSSIBLE,
    ),
    428: _refusal(
        428, "precondition-required", "`If-Match` is missing, and this installation asks for it.",
        "Send the ETag of what you have read as If-Match.",
    ),
    429: _refusal(
        429, "too-many-requests", "The token has made too many requests.",
        "Request was throttled. Expected available in 5 seconds.", headers=_WAIT,
    ),
    503: _refusal(
        503, "unavailable", "Overloaded, or the database or the broker does not answer. Nothing was changed.",
        "The database does not answer in time. Nothing was changed; try again.", headers=_WAIT,
    ),
}  # fmt: skip

# Writes that nothing is in the way of: no name of theirs is taken, and nothing hangs on what they delete.
_FREE: Final = frozenset({
    "setFlowControl", "withdrawFlowPlan", "updateNamespace", "patchNamespace", "updateWebhook", "patchWebhook",
    "deleteWebhook", "revokeToken",
})  # fmt: skip

# Their bodies may name what is changed.
_NAMING_IN_BODY: Final = frozenset({"/api/v1/tasks/validate"})


def _response(refusal: _Refusal) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": refusal.meaning,
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemAnswer"},
                "example": refusal.example.body(),
            }
        },
    }
    return response | ({"headers": refusal.headers} if refusal.headers else {})


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).name.split("_"))


RESPONSES: Final = {_name(status): _response(refusal) for status, refusal in _REFUSALS.items()}


def refusals(operation: Mapping[str, Any], *, method: str, path: str, role: str) -> dict[str, Any]:
    """Return the refusals of an operation by status, as references to RESPONSES."""
    return {
        str(status): {"$ref": f"#/components/responses/{_name(status)}"}
        for status in sorted({*_of_all(method, path, role), *_of_writes(operation, method)})
    }


def _of_all(method: str, path: str, role: str) -> Iterator[int]:
    yield from (400, 401, 406, 429, 503)
    if method not in SAFE_METHODS or role != Role.VIEWER:
        yield 403
    if "{" in path or path in _NAMING_IN_BODY:
        yield 404


def _of_writes(operation: Mapping[str, Any], method: str) -> Iterator[int]:
    if method in ("POST", "PUT", "PATCH"):
        yield from (411, 413, 415, 422)
    if method not in SAFE_METHODS and operation["operationId"] not in _FREE:
        yield 409
    if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", [])):
        yield from (412, 428)

"""The one place where a refusal becomes an HTTP answer: application/problem+json (RFC 9457)."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import psycopg
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, Error, InterfaceError, OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from register import journal
from register.api.faults import faults_of
from register.errors import (
    AppliedInPart,
    AuditRecordNotFound,
    BackfillOpen,
    BoundForbidden,
    CalendarInUse,
    CalendarNameTaken,
    CalendarNotFound,
    CircuitNotFound,
    DeliveryNotFound,
    DeliveryPending,
    EventNotFound,
    ExecutionEnded,
    FlowPlanNotFound,
    NamespaceForbidden,
    NamespaceInUse,
    NamespaceNotFound,
    NamespaceTaken,
    NameTaken,
    NotACatchUp,
    NothingFailed,
    NotPaused,
    NotRetryable,
    OperationEnded,
    OperationNotFound,
    RecordsRefused,
    SharedForbidden,
    StoredInPart,
    TaskCompleted,
    TaskInUse,
    TemplateInUse,
    TemplateNameTaken,
    TemplateNotFound,
    TokenNotFound,
    VersionStale,
    WebhookNotFound,
    WebhookOff,
)
from scheduler.errors import (
    BrokerUnavailable,
    ExecutionNotFound,
    Fault,
    InvalidInput,
    PartitionMissing,
    RevisionNotFound,
    RunNotFound,
    StreamFull,
    TaskDeleted,
    TaskNotFound,
)
from scheduler.tokens import Caller

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_TYPE = "urn:platform-scheduler:problem:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: `kind` ends the type URI, `faults` become errors[]."""

    status: int
    kind: str
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the members of the JSON object."""
        body: dict[str, Any] = {
            "type": _TYPE + self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.faults:
            body["errors"] = [
                {"field": fault.field, "code": fault.code, "message": fault.message} for fault in self.faults
            ]
        return body


def answer(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Return the answer to what a view raised; None leaves what nobody foresaw to Django, which logs it.

    A plain answer, not one of the framework's: those go through the view's renderer, which may be HTML or YAML.
    """
    problem = problem_of(exception)
    if problem is not None and problem.status == 403:
        _note(problem, context["request"])
    return plain_answer(problem) if problem else None


def _note(problem: Problem, request: Request) -> None:
    """Record who tried to write what he has no right to; the refusal stands, whether or not that succeeds."""
    caller: Any = request.auth
    if request.method in SAFE_METHODS or not isinstance(caller, Caller):
        return
    try:
        with transaction.atomic():
            journal.refused(
                f"{request.method}", request.path, problem.detail, namespace=caller.namespace, now=caller.now
            )
    except (Error, psycopg.Error) as error:
        logger.warning("A refused attempt of %s is not in the audit: %s", caller.name, error)


def plain_answer(problem: Problem) -> HttpResponse:
    """Return the answer to send."""
    return HttpResponse(
        json.dumps(problem.body()), status=problem.status, headers=dict(problem.headers), content_type=CONTENT_TYPE
    )


def problem_of(exception: Exception) -> Problem | None:
    """Return what is to be answered to `exception`, None where it is a fault of ours."""
    if isinstance(exception, InvalidInput):
        return _refused_input(exception)
    if isinstance(exception, ValidationError):
        return invalid_input(list(faults_of(exception.detail)))
    if isinstance(exception, APIException):
        return _of_framework(exception)
    if (problem := _SAYING_WHY.get(type(exception))) is not None:
        return replace(problem, detail=str(exception))
    for family, problem in _KNOWN:
        if isinstance(exception, family):
            return problem
    if isinstance(exception, DataError | psycopg.DataError):
        # Every field has its bounds, so this is a gap in them; the caller's value is refused all the same.
        logger.error("The database refused a value that validation let pass.", exc_info=exception)
        return Problem(400, "invalid-input", "A value cannot be stored.")
    return None


def _refused_input(exception: InvalidInput) -> Problem:
    if isinstance(exception, RecordsRefused):
        return Problem(422, "records-refused", exception.summary, exception.faults)
    return invalid_input(exception.faults)


def invalid_input(faults: Iterable[Fault]) -> Problem:
    """Return 422 where all that was sent is well-formed, else 400; with every fault."""
    faults = tuple(faults)
    fields = len({fault.field for fault in faults})
    count = "One field is" if fields == 1 else f"{fields} fields are"
    if all(fault.is_impossible for fault in faults):
        return Problem(422, "impossible", f"{count} well-formed and still cannot be; see errors.", faults)
    return Problem(400, "invalid-input", f"{count} not as the API has it; see errors.", faults)


def not_found(request: HttpRequest) -> Problem:
    """Return the problem of a path that leads nowhere."""
    if request.path.startswith("/api/v1/") and request.path.endswith("/"):
        return Problem(404, "not-found", "There is nothing here: paths of the API end without a slash.")
    return Problem(404, "not-found", "There is nothing here.")


_AGAIN = {"Retry-After": str(RETRY_AFTER_SECONDS)}

# Refusals whose messages say more than their names.
_SAYING_WHY: dict[type[Exception], Problem] = {
    NotRetryable: Problem(409, "not-retryable", ""),
    BackfillOpen: Problem(409, "backfill-open", ""),
    CalendarInUse: Problem(409, "calendar-in-use", ""),
    NamespaceInUse: Problem(409, "namespace-in-use", ""),
    TemplateInUse: Problem(409, "template-in-use", ""),
    NothingFailed: Problem(409, "nothing-failed", ""),
    TaskInUse: Problem(409, "task-in-use", ""),
    StoredInPart: Problem(503, "stored-in-part", "", headers=_AGAIN),
    AppliedInPart: Problem(503, "applied-in-part", "", headers=_AGAIN),
}


def _forbidden(detail: str) -> Problem:
    return Problem(403, "forbidden", detail, (Fault("namespace", "forbidden", detail),))


_UNAVAILABLE = Problem(
    503,
    "unavailable",
    "The database does not answer in time. Nothing was changed; try again.",
    headers=_AGAIN,
)

_KNOWN: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Problem], ...] = (
    (TaskNotFound, Problem(404, "not-found", "There is no such task.")),
    (ExecutionNotFound, Problem(404, "not-found", "There is no such execution.")),
    (RevisionNotFound, Problem(404, "not-found", "There is no such revision of this task.")),
    (RunNotFound, Problem(404, "not-found", "There is no such run.")),
    (OperationNotFound, Problem(404, "not-found", "There is no such operation.")),
    (CalendarNotFound, Problem(404, "not-found", "There is no such calendar.")),
    (TemplateNotFound, Problem(404, "not-found", "There is no such template.")),
    (WebhookNotFound, Problem(404, "not-found", "There is no such webhook.")),
    (DeliveryNotFound, Problem(404, "not-found", "The webhook has no such delivery, or it is no longer kept.")),
    (EventNotFound, Problem(404, "not-found", "There is no such event, or it is no longer kept.")),
    (NamespaceNotFound, Problem(404, "not-found", "There is no such namespace, or it has no settings of its own.")),
    (CircuitNotFound, Problem(404, "not-found", "There is no circuit of that name: nothing has called it yet.")),
    (FlowPlanNotFound, Problem(404, "not-found", "Nothing of that id is planned, or it has begun already.")),
    (AuditRecordNotFound, Problem(404, "not-found", "There is no such audit record.")),
    (TokenNotFound, Problem(404, "not-found", "There is no such token, or it is revoked.")),
    (Http404, Problem(404, "not-found", "There is nothing here.")),
    (TaskDeleted, Problem(409, "task-deleted", "The task is deleted: it can be read, but neither run nor changed.")),
    (TaskCompleted, Problem(409, "task-completed", "No further slot of this task will come: nothing is to be paused.")),
    (WebhookOff, Problem(409, "webhook-off", "The webhook is switched off; switch it on with isActive first.")),
    (DeliveryPending, Problem(409, "delivery-pending", "The delivery is still being tried; wait for its end.")),
    (NotPaused, Problem(409, "not-paused", "The task is not paused.")),
    (ExecutionEnded, Problem(409, "execution-ended", "The execution has ended: there is nothing to cancel.")),
    (NotACatchUp, Problem(409, "not-a-catch-up", "The operation is no catch-up.")),
    (OperationEnded, Problem(409, "operation-ended", "The operation has ended: there is nothing to abort.")),
    (
        NameTaken,
        Problem(
            409,
            "name-taken",
            "Another task of this namespace has this name.",
            (Fault("name", "taken", "Another task of this namespace has this name."),),
        ),
    ),
    (
        VersionStale,
        Problem(412, "version-stale", "It has changed since: read it again, then send its ETag as If-Match."),
    ),
    (
        CalendarNameTaken,
        Problem(
            409,
            "name-taken",
            "Another calendar of this namespace, or another shared one, has this name.",
            (Fault("name", "taken", "Another calendar of this namespace, or another shared one, has this name."),),
        ),
    ),
    (
        TemplateNameTaken,
        Problem(
            409,
            "name-taken",
            "Another template of this namespace, or another shared one, has this name.",
            (Fault("name", "taken", "Another template of this namespace, or another shared one, has this name."),),
        ),
    ),
    (
        NamespaceTaken,
        Problem(
            409,
            "name-taken",
            "This namespace has settings already: change them.",
            (Fault("name", "taken", "This namespace has settings already: change them."),),
        ),
    ),
    (BoundForbidden, _forbidden("This needs a token that is bound to no namespace.")),
    (SharedForbidden, _forbidden("What is shared by all is written with a token that is bound to no namespace.")),
    (NamespaceForbidden, _forbidden("This token is bound to another namespace.")),
    (PermissionDenied, Problem(403, "forbidden", "This is not allowed.")),
    (RequestDataTooBig, Problem(413, "too-large", "The request's body is too large.")),
    (
        (UnreadablePostError, BadRequest, SuspiciousOperation),
        Problem(400, "malformed", "The request cannot be read."),
    ),
    (
        BrokerUnavailable,
        Problem(503, "unavailable", "The broker does not answer.", headers=_AGAIN),
    ),
    (
        StreamFull,
        Problem(
            503,
            "overloaded",
            "As many clients read the stream as this process serves. Try again, or ask for what you need.",
            headers=_AGAIN,
        ),
    ),
    (
        PartitionMissing,
        Problem(
            503,
            "unavailable",
            "History has no place for this yet; the scheduler makes it. Nothing was changed; try again.",
            headers=_AGAIN,
        ),
    ),
    ((OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError), _UNAVAILABLE),
)

# Their text is the detail.
_KINDS = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
    428: "precondition-required",
    429: "too-many-requests",
}


def _of_framework(exception: APIException) -> Problem:
    headers: dict[str, str] = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(int(wait))
    detail = "There is nothing here." if type(exception) is NotFound else str(exception.detail)
    kind = _KINDS.get(exception.status_code, "refused")
    return Problem(exception.status_code, kind, detail, headers=headers)

"""Answers 503 at once where a web process has more to do than it can: writes first, reads later, the brakes last.

A request that waits for a database connection longer than its caller does is work for nobody, and keeps those behind it
from being answered in time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter

from platform_scheduler.metrics import registry
from platform_scheduler.problems import RETRY_AFTER_SECONDS, Problem, plain_answer
from platform_scheduler.strain import Strain
from scheduler.exposition import NAMESPACE

refusals = Counter(
    "http_requests_refused",
    "Requests answered with 503, for the process had too many others.",
    ["kind"],
    namespace=NAMESPACE,
    registry=registry,
)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# What lessens the load must get through as long as anything does.
_BRAKES = ("/cancel", "/pause", "/abort")
_FLOW = "/api/v1/flow-control"


class Overload:
    """Middleware around whatever takes a database connection; probes and metrics pass it by, and are not counted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._most = {"write": settings.WEB_WRITES_AT_ONCE, "read": settings.WEB_REQUESTS_AT_ONCE}
        self._strain = Strain()
        self._lock = Lock()
        self._open = 0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request, or refuse it where too many are open before it."""
        kind = kind_of(request)
        if kind is None:
            return self._get_response(request)
        with self._counted() as before:
            is_strained = kind == "write" and self._strain.is_heavy
            if before < self._most[kind] and not is_strained:
                return self._get_response(request)
        refusals.labels(kind=kind).inc()
        return plain_answer(_strained() if is_strained else _overloaded(kind))

    @contextmanager
    def _counted(self) -> Iterator[int]:
        with self._lock:
            before, self._open = self._open, self._open + 1
        try:
            yield before
        finally:
            with self._lock:
                self._open -= 1


def kind_of(request: HttpRequest) -> str | None:
    """Return whether a request is a write or a read; what brakes counts as a read, what is neither is None."""
    path = request.path
    if not path.startswith(("/api/", "/admin/")):
        return None
    is_brake = path.startswith(_FLOW) or path.endswith(_BRAKES)
    return "read" if request.method in _SAFE or is_brake or path.startswith("/admin/") else "write"


def _strained() -> Problem:
    detail = (
        "The platform is under more load than it bears, and lets only what is critical go (GET /api/v1/protection says"
        " why). Nothing was changed; reads are still answered."
    )
    return Problem(503, "overloaded", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _overloaded(kind: str) -> Problem:
    what = (
        "Writes wait until it is better; reads are still answered." if kind == "write" else "Try again a little later."
    )
    detail = f"There are more requests than can be answered in time. Nothing was changed. {what}"
    return Problem(503, "overloaded", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})

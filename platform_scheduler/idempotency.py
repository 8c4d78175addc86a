"""Refuses `Idempotency-Key` until it is kept: who sends it relies on it, and to ignore it would run things twice."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from platform_scheduler.problems import invalid_input, plain_answer
from scheduler.errors import Fault

HEADER = "Idempotency-Key"

_FAULT = Fault(
    HEADER, "unavailable", "No idempotency keys are kept in this version: leave it out, look before you repeat."
)


class RefuseKeys:
    """Middleware: a POST of the API with the header is 400, and changes nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and request.path.startswith("/api/") and HEADER in request.headers:
            return plain_answer(invalid_input([_FAULT]))
        return self._get_response(request)

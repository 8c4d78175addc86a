"""Middleware that gives each request an id, which its answer and everything that is logged meanwhile carry."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from scheduler import logs

HEADER = "X-Request-ID"
# The gateway's own rule: what is not plain could end a line of a log and begin another.
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What a request's path is about, by the names that routes give it.
_SUBJECTS = ("task_id", "execution_id", "run_id", "operation_id")


class RequestIds:
    """The client's id where it has a plain one, so that it can be followed through all logs, else a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and say under which id."""
        given = request.headers.get(HEADER, "")
        request_id = given if _PLAIN.fullmatch(given) else uuid4().hex
        logs.begin(request_id=request_id)
        response = self._get_response(request)
        response.headers[HEADER] = request_id
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Have what is logged from here on carry the ids that the path holds."""
        logs.add(**{name: kwargs[name] for name in _SUBJECTS if name in kwargs})


# Django logs refusals and errors behind the last middleware, and a stream goes on behind all of them.
@receiver(request_finished)
def _end(**_: Any) -> None:
    logs.end()

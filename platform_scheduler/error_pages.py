"""What Django answers where no view of the API was reached: problem+json, or Django's own pages for the console."""

import logging
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from platform_scheduler.problems import Problem, not_found, plain_answer, problem_of

logger = logging.getLogger(__name__)

CONSOLE = "/admin/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400: a request that Django itself refuses, such as one for an unknown host."""
    if _is_for_people(request):
        return defaults.bad_request(request, exception)
    return plain_answer(Problem(400, "malformed", "The request cannot be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    if _is_for_people(request):
        return defaults.permission_denied(request, exception)
    return plain_answer(Problem(403, "forbidden", "This is not allowed."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    if _is_for_people(request):
        return defaults.page_not_found(request, exception)
    return plain_answer(not_found(request))


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """Answer 503 where a dependency is down, else 500: a fault of ours, which Django has logged."""
    raised = sys.exc_info()[1]
    problem = problem_of(raised) if isinstance(raised, Exception) else None
    if problem is None:
        problem = Problem(500, "internal", "Something went wrong on our side; it is logged.")
    if _is_for_people(request) and problem.status == 500:
        return defaults.server_error(request)
    return plain_answer(problem)


def _is_for_people(request: HttpRequest) -> bool:
    return request.path.startswith(CONSOLE)

"""A web process with too much to do refuses writes first, reads later, and brakes last."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory, override_settings

from platform_scheduler.overload import Overload, kind_of

SECONDS = 10


@pytest.fixture
def busy() -> Iterator[Callable[[int], Overload]]:
    """Makes a process that has so many requests open, of 2 writes and 4 requests at most."""
    enough, entered = Event(), Semaphore(0)

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path.endswith("/slow"):
            entered.release()
            assert enough.wait(SECONDS)
        return HttpResponse("done")

    with ThreadPoolExecutor(8) as pool, override_settings(WEB_WRITES_AT_ONCE=2, WEB_REQUESTS_AT_ONCE=4):
        overload = Overload(answer)
        opened: list[Future[HttpResponseBase]] = []

        def open_so_many(count: int) -> Overload:
            opened.extend(pool.submit(overload, RequestFactory().get("/api/v1/slow")) for _ in range(count))
            assert all(entered.acquire(timeout=SECONDS) for _ in range(count))
            return overload

        yield open_so_many
        enough.set()
        assert {one.result(SECONDS).status_code for one in opened} <= {200}


CASES = [
    (0, "post", "/api/v1/tasks", 200),
    (1, "post", "/api/v1/tasks", 200),
    (2, "post", "/api/v1/tasks", 503),
    (2, "post", "/api/v1/tasks/5/trigger", 503),
    (2, "put", "/api/v1/tasks/5", 503),
    (2, "delete", "/api/v1/tasks/5", 503),
    (2, "get", "/api/v1/tasks", 200),
    (3, "get", "/api/v1/tasks", 200),
    (3, "post", "/api/v1/executions/5/cancel", 200),
    (3, "post", "/api/v1/tasks/5/pause", 200),
    (3, "put", "/api/v1/flow-control", 200),
    (3, "post", "/admin/login/", 200),
    (4, "get", "/api/v1/tasks", 503),
    (4, "put", "/api/v1/flow-control", 503),
    (4, "get", "/admin/", 503),
    (4, "get", "/health/ready", 200),
    (4, "get", "/metrics", 200),
    (4, "get", "/static/admin/css/base.css", 200),
]


@pytest.mark.parametrize(("open_count", "method", "path", "status"), CASES)
def test_it_refuses_by_what_is_asked(
    busy: Callable[[int], Overload], open_count: int, method: str, path: str, status: int
) -> None:
    overload = busy(open_count)
    assert overload(getattr(RequestFactory(), method)(path)).status_code == status


def test_a_refusal_is_a_problem_that_says_when_to_come_again(busy: Callable[[int], Overload]) -> None:
    answer = busy(2)(RequestFactory().post("/api/v1/tasks"))
    assert (answer["Content-Type"], answer["Retry-After"]) == ("application/problem+json", "5")
    assert isinstance(answer, HttpResponse) and b"overloaded" in answer.content


def test_what_was_refused_is_not_open(busy: Callable[[int], Overload]) -> None:
    overload = busy(2)
    for _ in range(10):
        overload(RequestFactory().post("/api/v1/tasks"))
    assert overload(RequestFactory().get("/api/v1/tasks")).status_code == 200


@override_settings(WEB_WRITES_AT_ONCE=1, WEB_REQUESTS_AT_ONCE=1)
def test_an_error_closes_its_request() -> None:
    def fail(request: HttpRequest) -> HttpResponseBase:
        raise ValueError

    overload = Overload(fail)
    for _ in range(3):
        with pytest.raises(ValueError):
            overload(RequestFactory().get("/api/v1/tasks"))


def test_a_head_is_a_read() -> None:
    assert kind_of(RequestFactory().head("/api/v1/tasks")) == "read"

"""Requests that mean two things: whatever the gateway takes them for, no second request reaches a process behind it."""

import socket
from collections.abc import Iterator
from itertools import count

import pytest

from tests.acceptance.test_gateway import HOST, Front, StandIn, running

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

OTHER = b"DELETE /api/v1/tasks/00000000-0000-4000-8000-000000000001 HTTP/1.1\r\nHost: scheduler\r\n\r\n"
HEAD = b"POST /api/v1/tasks HTTP/1.1\r\nHost: scheduler\r\nContent-Type: application/json\r\n"
GET = b"GET /api/v1/tasks HTTP/1.1\r\nHost: scheduler\r\n"
CHUNK = b"0\r\n\r\n"

# What some server takes for the end of the first request, and another for its body.
REQUESTS = {
    "a length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK + OTHER,
    "chunks and a length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + CHUNK + OTHER,
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(OTHER) + OTHER,
    "a list of lengths": HEAD + b"Content-Length: 0, %d\r\n\r\n" % len(OTHER) + OTHER,
    "a signed length": HEAD + b"Content-Length: +0\r\n\r\n" + OTHER,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + OTHER,
    "a length in hexadecimal": HEAD + b"Content-Length: 0x0\r\n\r\n" + OTHER,
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNK + OTHER,
    "two codings": HEAD + b"Transfer-Encoding: identity, chunked\r\n\r\n" + CHUNK + OTHER,
    "a coding twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNK + OTHER,
    "a space before the colon": HEAD + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n" + CHUNK + OTHER,
    "a folded header": HEAD + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n" + CHUNK + OTHER,
    "a tab in the value": HEAD + b"Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n" + CHUNK + OTHER,
    "a NUL in the value": HEAD + b"Transfer-Encoding: chunked\x00\r\nContent-Length: 5\r\n\r\n" + CHUNK + OTHER,
    "a bare carriage return": HEAD + b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + CHUNK + OTHER,
    "a chunk of a wrong length": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + OTHER,
    "a huge chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + OTHER,
    "an old version": HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + OTHER,
    "a body of a GET": GET + b"Content-Length: %d\r\n\r\n" % len(OTHER) + OTHER,
    "a line feed in the path": b"GET /api/v1/tasks\nDELETE /api/v1/tasks/1 HTTP/1.1\r\nHost: scheduler\r\n\r\n",
    "an upgrade": GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
}  # fmt: skip
# HTTP/0.9: it names no host, and its answer has no status.
NAMELESS = "a line feed in the path"
# As the gateway sees two requests in these, one behind the other, it answers two, each by its own path.
MAY_FOLLOW = {"a length and chunks", "chunks and a length", "a tab in the value", "two codings", "an unknown coding"}


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    """One gateway for all of them."""
    made = {name: StandIn(name) for name in ("register-1", "register-2", "query-1", "query-2", "console-1")}
    with running(made) as front:
        yield front
    for each in made.values():
        each.shutdown()
        each.server_close()


_NUMBERS = count(1)


class Visit:
    """Requests of one test, known by their host: what another's gave up on may reach a process later."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._host = f"host-{next(_NUMBERS):04}"  # as long as the name that it stands for
        for each in front.stand_ins.values():
            each.asked.clear()

    def send(self, request: bytes) -> bytes:
        """Send bytes as they are, and return all that comes until the gateway hangs up."""
        with socket.create_connection((HOST, self._front.port), timeout=10) as connection:
            connection.sendall(request.replace(b"scheduler", self._host.encode()))
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while block := connection.recv(65_536):
                answer += block
            return answer

    def methods(self, *, is_nameless: bool = False) -> list[str]:
        """Return the methods of what has reached a process; `is_nameless`: also of what named no host."""
        hosts = (self._host, "") if is_nameless else (self._host,)
        return [method for each in self._front.stand_ins.values() for method, host in each.asked if host in hosts]


@pytest.fixture
def visit(front: Front) -> Visit:
    """What a test asks of the gateway."""
    return Visit(front)


@pytest.mark.parametrize("name", REQUESTS)
def test_nothing_is_smuggled(visit: Visit, name: str):
    answer = visit.send(REQUESTS[name])
    statuses = answer.count(b"HTTP/1.1 ")
    # Each request that reached a process was seen, counted and answered by the gateway as one of its own.
    methods = visit.methods(is_nameless=name == NAMELESS)
    assert len(methods) <= max(statuses, 1)
    if "DELETE" in methods:
        assert name in MAY_FOLLOW
        assert statuses == 2


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../../metrics",
        "/api/v1/%2e%2e/%2e%2e/metrics",
        "/metrics",
        "/api/v1/tasks/..%2f..%2f..%2fmetrics",
        "//metrics",
        "/admin/../metrics",
    ],
)
def test_no_path_leads_to_what_is_not_public(visit: Visit, path: str):
    answer = visit.send(f"GET {path} HTTP/1.1\r\nHost: scheduler\r\nConnection: close\r\n\r\n".encode())
    assert b'"path": "/metrics' not in answer


def test_a_request_that_never_ends_is_ended(visit: Visit):
    answer = visit.send(HEAD + b"Content-Length: 1000\r\n\r\n{")
    assert "POST" not in visit.methods()
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0]


def test_headers_without_end_are_refused(visit: Visit):
    answer = visit.send(HEAD + b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\n")
    assert answer.split(b"\r\n")[0].endswith((b"Large", b"Bad Request"))
    assert "POST" not in visit.methods()

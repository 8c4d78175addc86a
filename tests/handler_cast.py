"""What handlers are tried with: a context, and a web server on loopback that behaves as badly as a test needs."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from scheduler.engine.states import Trigger
from workers.context import Context

EXECUTION = UUID("019a0000-0000-7000-8000-000000000001")
# Half past eleven in the evening in UTC, the next day already in Berlin.
SLOT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


def a_context(**changes: Any) -> Context:
    """Return a context as a worker makes it."""
    fields: dict[str, Any] = {
        "execution_id": EXECUTION,
        "task_id": UUID(int=1),
        "task_name": "A task",
        "namespace": "default",
        "scheduled_for": SLOT,
        "started_at": SLOT,
        "attempt": 1,
        "fence": 42,
        "trigger": Trigger.SCHEDULE,
        "run_id": None,
        "timeout_seconds": 10,
        "time_zone": "Europe/Berlin",
        "find_previous_success": lambda: None,
    }
    return Context(**fields | changes)


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[socket.socket], None]


@dataclass
class Loopback:
    """A web server for one connection after another, on a free port of 127.0.0.1."""

    behaviour: Behaviour
    context: ssl.SSLContext | None = None
    requests: list[Received] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown wakes accept, which close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            plain.settimeout(5)
            with plain:
                try:
                    self._answer(plain)
                except (OSError, ssl.SSLError) as error:
                    self.failures.append(error)

    def _answer(self, plain: socket.socket) -> None:
        if self.context is None:
            self.requests.append(_receive(plain))
            self.behaviour(plain)
            return
        with self.context.wrap_socket(plain, server_side=True) as secured:
            self.requests.append(_receive(secured))
            self.behaviour(secured)


def _receive(connection: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(text.split(": ", 1) for text in lines)
    while len(body) < int(headers.get("Content-Length", 0)):
        body += _some(connection)
    return Received(line, headers, body)


def _some(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionError("the client has gone")
    return chunk


def answering(status: int = 200, body: bytes = b"fine", **headers: str) -> Behaviour:
    """Answer properly."""
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def answer(connection: socket.socket) -> None:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    return answer


def dripping(head: bytes, drop: bytes, *, every: float = 0.02) -> Behaviour:
    """Send `head`, then `drop` over and over until the client goes away."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        gone = threading.Event()
        with suppress(OSError):
            while not gone.wait(every):
                connection.sendall(drop)

    return answer


def silent(connection: socket.socket) -> None:
    """Say nothing until the client goes away."""
    with suppress(OSError):
        connection.recv(1)

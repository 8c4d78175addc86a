"""Connects to exactly the address that was checked: resolved once, judged, and connected to without asking again."""

import socket
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import httpcore

from scheduler import clock
from scheduler.engine.addresses import Address, Guard, read_host
from workers.errors import PermanentFailure


class AddressRefused(PermanentFailure):
    """The name leads to no address that may be connected to."""


class Deadline:
    """A moment by this process's own clock, by which all of an exchange has to be over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = clock.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises httpcore.ReadTimeout when there are none."""
        left = self._at - clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time was up")
        return left


class GuardedBackend(httpcore.NetworkBackend):
    """How httpcore opens its connections: every one of them comes through here.

    The name is resolved once; what is connected to is the number that was judged, so that a name server that answers
    differently the second time is never asked a second time. Host header, SNI and certificate still go by the name,
    for httpcore takes those from the URL. Proxies of the environment are httpx's affair, not httpcore's.
    """

    def __init__(self, guard: Guard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first permitted address that answers. Raises AddressRefused, httpcore's ConnectError."""
        addresses = self._permitted(host, port)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for index, address in enumerate(addresses):
            share = self._deadline.left() / (len(addresses) - index)
            try:
                stream = self._backend.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return DeadlineStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Refuse: there is no address to judge."""
        raise AddressRefused(f"{path} is no address on a network.")

    def _permitted(self, host: str, port: int) -> list[Address]:
        found = _addresses(host, port, self._deadline)
        permitted = [address for address in found if self._guard.permits(host=host, address=address, port=port)]
        if found and not permitted:
            numbers = ", ".join(str(address) for address in found)
            leads = f"{host} is" if host == numbers else f"{host} leads to {numbers}, which is"
            raise AddressRefused(
                f"{leads} not a public address; where tasks may connect to it, HTTP_ALLOWED_ADDRESSES has to say so."
            )
        return permitted


class DeadlineStream(httpcore.NetworkStream):
    """A connection each of whose waits ends with the deadline: a peer that drips bytes gains no time by it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int, deadline: Deadline) -> list[Address]:
    literal = read_host(host)
    if not isinstance(literal, str):
        return [literal]
    answer = _ask(host, port, deadline)
    # The order is the resolver's, by RFC 6724; dict drops what it names twice.
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in answer))


def _ask(host: str, port: int, deadline: Deadline) -> list[Any]:
    """Resolve in a thread: getaddrinfo knows no timeout, and no signal ends it."""
    answers: SimpleQueue[list[Any] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except Empty:
        raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise httpcore.ConnectError(f"{host} cannot be resolved: {answer}")
    return answer

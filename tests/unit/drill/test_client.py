"""The drill's client: what is an answer, and what is none."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from drill.client import BrokenOff, send

Server = Callable[[bytes], str]


@pytest.fixture
def server() -> Iterator[Server]:
    """Serves one request with these bytes, whatever they are, then hangs up; returns its address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve(answer: bytes) -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65_536)
                client.sendall(answer)

        def start(answer: bytes) -> str:
            threading.Thread(target=serve, args=(answer,), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield start


@pytest.mark.parametrize("status", [b"201 Created", b"409 Conflict"])
def test_an_answer_is_one_whatever_its_status(server: Server, status: bytes):
    answer = send("GET", server(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}"))
    assert (answer.status, answer.body) == (int(status[:3]), {})


@pytest.mark.parametrize("status", [b"201 Created", b"409 Conflict"])
def test_an_answer_whose_end_is_missing_is_none(server: Server, status: bytes):
    with pytest.raises(BrokenOff, match="1 bytes read, 1 more expected"):
        send("GET", server(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{"))


def test_what_is_no_http_is_none(server: Server):
    with pytest.raises(BrokenOff, match="BadStatusLine"):
        send("GET", server(b"SSH-2.0-OpenSSH\r\n"))


def test_none_at_all_is_no_broken_one(server: Server):
    with pytest.raises(OSError) as raised:
        send("GET", server(b""))
    assert not isinstance(raised.value, BrokenOff)

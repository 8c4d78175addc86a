"""A way to a server that a test can shut: connections stay open, and nothing passes any more."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Valve:
    """Passes on what comes, both ways, until it is shut."""

    def __init__(self, listener: socket.socket, server: tuple[str, int]) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener, self._server = listener, server
        self._sockets: list[socket.socket] = []
        self._is_shut = threading.Event()

    def shut(self) -> None:
        """Let nothing pass from now on."""
        self._is_shut.set()

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def close(self) -> None:
        """Close everything."""
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._is_shut.is_set():
                    target.sendall(data)


@contextmanager
def valve(host: str, port: int) -> Iterator[Valve]:
    """A valve before that server, on a port of its own."""
    made = Valve(socket.create_server(("127.0.0.1", 0)), (host, port))
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)

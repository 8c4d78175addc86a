"""A service that takes connections and says nothing, until it is told to answer again."""

import socket
import threading
from contextlib import suppress

from platform_scheduler.embedded.ports import LOOPBACK

_WELL = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class DeafHost:
    """Listens on a port of its own. What it took while deaf it never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0), backlog=512)
        self._held: list[socket.socket] = []
        self._answers = threading.Event()
        threading.Thread(target=self._serve, name="deaf host", daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self._listener.getsockname()[1]}"

    def recover(self) -> None:
        """Answer from now on."""
        self._answers.set()

    def stop(self) -> None:
        """Close every connection."""
        for one in (self._listener, *self._held):
            one.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                if not self._answers.is_set():
                    self._held.append(connection)
                    continue
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(_WELL)

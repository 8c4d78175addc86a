"""A TCP proxy in front of the broker that can stop carrying anything without telling its clients."""

import socket
import threading
from contextlib import suppress

from platform_scheduler.embedded.ports import LOOPBACK

CHUNK_BYTES = 65_536
BACKLOG = 128


class Proxy:
    """Carries connections to a port of this machine; in a hole they stay open, and nothing comes through any more."""

    def __init__(self, port: int, *, target: int) -> None:
        self._target = target
        self._is_hole = False
        self._upstreams: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def open_hole(self) -> None:
        """From now on swallow what clients send, on old connections and on new ones; the server sees them leave."""
        with self._lock:
            self._is_hole = True
            upstreams, self._upstreams = self._upstreams, set()
        for upstream in upstreams:
            _close(upstream)

    def close_hole(self) -> None:
        """Carry new connections again; those from before and from within the hole stay dead."""
        with self._lock:
            self._is_hole = False

    def stop(self) -> None:
        """Listen no longer."""
        _close(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        upstream = self._connect()
        if upstream is None:
            if self._is_hole:
                _swallow(client)
            _close(client)
            return
        threading.Thread(target=self._pump_back, args=(upstream, client), daemon=True).start()
        _pump(client, upstream)
        if not self._is_dead(upstream):
            self._forget(upstream)
        else:
            _swallow(client)  # at once over where the server itself has left, and the client knows
        _close(client)

    def _connect(self) -> socket.socket | None:
        try:
            upstream = socket.create_connection((LOOPBACK, self._target), timeout=1)
        except OSError:
            return None
        upstream.settimeout(None)
        with self._lock:
            # A hole that has opened meanwhile knows nothing of it, and takes it for dead.
            if not self._is_hole:
                self._upstreams.add(upstream)
                return upstream
        _close(upstream)
        return None

    def _pump_back(self, upstream: socket.socket, client: socket.socket) -> None:
        _pump(upstream, client)
        with self._lock:
            is_known = upstream in self._upstreams
            self._upstreams.discard(upstream)
        if is_known:  # the server itself has left: its clients are to know
            _close(client)
            _close(upstream)

    def _is_dead(self, upstream: socket.socket) -> bool:
        with self._lock:
            return upstream not in self._upstreams

    def _forget(self, upstream: socket.socket) -> None:
        with self._lock:
            self._upstreams.discard(upstream)
        _close(upstream)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)


def _swallow(client: socket.socket) -> None:
    with suppress(OSError):
        while client.recv(CHUNK_BYTES):
            pass


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()

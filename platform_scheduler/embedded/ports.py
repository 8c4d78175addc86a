"""Which TCP ports are free, and who holds the others."""

import contextlib
import errno
import random
import socket

import psutil

from .errors import CannotStart

LOOPBACK = "127.0.0.1"

# Below Linux's range for outgoing connections (from 32768): a client that keeps trying to reach a server
# that is just being restarted could otherwise be given the server's own port, and would hold it.
CANDIDATES = range(20_000, 32_000)
TRIES = 200


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Say whether a server could listen there now; an address that is not ours raises OSError."""
    try:
        _bind(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True


def free_port(*, avoid: frozenset[int] = frozenset()) -> int:
    """Find a port of the loopback address on which nobody listens."""
    for port in random.SystemRandom().sample(CANDIDATES, TRIES):
        if port not in avoid and is_free(port):
            return port
    raise CannotStart(f"No free port between {CANDIDATES.start} and {CANDIDATES.stop} on {LOOPBACK}.")


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken or that cannot be had, naming its holder where it can be seen."""
    try:
        free = is_free(port, host=host)
    except PermissionError:
        raise CannotStart(f"No permission to listen on port {port}: choose one above 1023, PORT=8000.") from None
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host} ({error.strerror}): set HOST to an address of this machine."
        ) from None
    except OverflowError:
        raise CannotStart(f"PORT={port} is no port: choose one between 1 and 65535.") from None
    if not free:
        raise CannotStart(
            f"Port {port} on {host} is taken{_holder(port)}: "
            f"stop that, or choose another port, for example PORT={port + 1}."
        )


def _bind(host: str, port: int) -> None:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as candidate:
        # As the servers do it: connections that are only waiting out their time are no reason to refuse.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        candidate.bind(address)
        candidate.listen(1)


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""

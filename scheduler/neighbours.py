"""Other platforms on the same database of Redis: each scheduler says there whose it is, and sees who else has.

Two platforms there take each other's messages and drop them, for the executions are not theirs; what is dropped goes
again minutes later. The key ends a minute after the last scheduler. RabbitMQ has vhosts, and nothing is kept there.
"""

import logging
import socket
from dataclasses import dataclass

import psycopg

from scheduler.broker import Broker
from scheduler.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

# The same for all who use a database, also after a failover; another for one that was restored from a backup.
_IDENTITY = """
SELECT c.system_identifier || '/' || d.oid || '/' || current_schema(), d.datname
FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Platform:
    """Whose database it is: `id` tells two apart, `told` says to people where it lies."""

    id: str
    told: str

    def __str__(self) -> str:
        return f"{self.id} {self.told}"


def platform_of(connection: psycopg.Connection) -> Platform:
    """Return whose platform uses this connection's database."""
    row = connection.execute(_IDENTITY).fetchone()
    assert row is not None  # noqa: S101 - one is connected to a database that is there
    at = f"{connection.info.host or 'a socket'}:{connection.info.port}"
    return Platform(row[0], f"the database {row[1]} at {at}, by a scheduler on {socket.gethostname()}")


def others(broker: Broker, own: Platform) -> set[str]:
    """Return where the databases of other platforms lie that use this broker. Raises BrokerUnavailable."""
    announced = (one.partition(" ") for one in broker.announced())
    return {told for identity, _, told in announced if identity != own.id}


class Neighbours:
    """One scheduler's way of saying whose it is; for a loop that nothing waits for."""

    def __init__(self) -> None:
        self._broker = Broker()
        self._seen: set[str] = set()

    def look(self, connection: psycopg.Connection) -> None:
        """Say whose platform this is, and log who else uses the broker, each once; a broker that is away tells nothing.

        Neither does a database that does not tell everybody who it is.
        """
        try:
            own = platform_of(connection)
            self._broker.announce(str(own))
            found = others(self._broker, own)
        except (BrokerUnavailable, psycopg.ProgrammingError):
            return
        for one in sorted(found - self._seen):
            logger.error(
                "Another platform uses this database of Redis: %s. Each takes messages of the other, and what it takes"
                " starts minutes late: give each a number of its own in REDIS_URL.",
                one,
            )
        self._seen = found

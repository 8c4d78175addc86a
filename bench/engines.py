"""PostgreSQL and Redis that are measured on: throw-away ones, or those of the environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from django.conf import settings

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.throw_away import ThrowAwayServers, remove_leftovers

PREFIX = "platform-scheduler-bench-"
# How long a server has to answer before the bench gives up.
CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Where they are, what of their files is ours, and how they are described beside the figures."""

    database_url: str
    redis_url: str
    folder: Path
    description: str

    def database(self, name: str) -> str:
        """Return the URL of another database on the same server."""
        return urlsplit(self.database_url)._replace(path=f"/{name}").geturl()

    def store(self, number: int) -> str:
        """Return the URL of one of the Redis's numbered databases."""
        return urlsplit(self.redis_url)._replace(path=f"/{number}").geturl()


@contextmanager
def throw_away(*, is_durable: bool) -> Iterator[Engines]:
    """Run both in a temporary folder: as `up` runs them, or without waiting for the disk."""
    remove_leftovers(prefix=PREFIX)
    servers = ThrowAwayServers(prefix=PREFIX, is_durable=is_durable)
    try:
        servers.start()
        assert servers.cluster and servers.store  # noqa: S101 - both have just been started
        yield Engines(
            database_url=servers.cluster.url,
            redis_url=servers.store.url,
            folder=servers.folder,
            description=f"embedded, {'as `up` runs them' if is_durable else 'nothing waits for the disk'}",
        )
    finally:
        servers.stop()


@contextmanager
def of_environment() -> Iterator[Engines]:
    """Use DATABASE_URL, whose user may create databases, and REDIS_URL. Raises CannotStart where one is not set."""
    urls = _urls()
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not urls.get(name)]
    if missing:
        raise CannotStart(f"--here measures on the servers of the environment: set {' and '.join(missing)}.")
    with TemporaryDirectory(prefix=PREFIX) as folder:
        yield Engines(
            database_url=urls["DATABASE_URL"],
            redis_url=urls["REDIS_URL"],
            folder=Path(folder),
            description="of the environment",
        )


def database_of_environment() -> str:
    """Return DATABASE_URL, on whose server databases may be made. Raises CannotStart where it is not set."""
    url = _urls().get("DATABASE_URL")
    if not url:
        raise CannotStart("Set DATABASE_URL to a server on which a database may be made, or name one with --database.")
    return url


def _urls() -> dict[str, str]:
    urls: dict[str, str] = getattr(settings, "SERVERS_OF_ENVIRONMENT", {})
    return urls

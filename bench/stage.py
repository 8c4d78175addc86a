"""What every case stands on: the engines, a migrated database to copy, and what the person asked for."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
import redis
from psycopg import sql

from bench import processes
from bench.arena import Arena
from bench.engines import CONNECT_SECONDS, Engines
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.services import bootstrap
from scheduler import clock, partitions

T = TypeVar("T")

# Redis has sixteen by default; the last ones are the least likely to be anybody's.
STORES = range(15, -1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How the cases are to be run: `firings`, `peer`, and `tasks` with `seed` concern one case each."""

    repeat: int | None = None
    is_quick: bool = False
    firings: int | None = None
    peer: str | None = None
    tasks: int | None = None
    databases: Sequence[str] = ()
    seed: int = 1


@dataclass(slots=True)
class Stage:
    """Lends arenas: each a copy of one migrated database with a numbered database of Redis, empty before and after."""

    engines: Engines
    wishes: Wishes
    say: Callable[[str], None]
    repeat: int = 1
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(60))
    _template: str = field(default_factory=lambda: f"bench_{secrets.token_hex(4)}")
    _copies: int = 0

    def size(self, full: T, quick: T) -> T:
        """Return the size of a part of a case, as the person asked."""
        return quick if self.wishes.is_quick else full

    @contextmanager
    def prepared(self) -> Iterator["Stage"]:
        """Have the database that all arenas are copies of. Raises CannotStart."""
        with self._database(self._template) as url:
            environment = Arena.environment(url, self.engines.redis_url, self.secret_key, self.engines.folder)
            processes.run_to_end(bootstrap(), folder=self.engines.folder, environment=environment)
            with psycopg.connect(url, autocommit=True) as connection:
                partitions.ensure(connection, now=clock.read(connection))
            yield self

    @contextmanager
    def arena(self) -> Iterator[Arena]:
        """Lend a database and a Redis of one's own; several at a time are several pairs."""
        self._copies += 1
        with ExitStack() as at_the_end:
            name = f"{self._template}_{self._copies}"
            url = at_the_end.enter_context(self._database(name, template=self._template))
            store_url = at_the_end.enter_context(self._store())
            arena = Arena(url, store_url, secret_key=self.secret_key, folder=self.engines.folder, say=self.say)
            at_the_end.callback(arena.close)
            yield arena

    @contextmanager
    def _database(self, name: str, *, template: str = "template1") -> Iterator[str]:
        url = self.engines.database(name)
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield url
        finally:
            self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self, statement: sql.Composed) -> None:
        try:
            with psycopg.connect(
                self.engines.database_url, autocommit=True, connect_timeout=CONNECT_SECONDS
            ) as connection:
                connection.execute(statement)
        except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
            raise CannotStart(f"No database for the measurements can be made or removed: {error}") from None

    @contextmanager
    def _store(self) -> Iterator[str]:
        url = self._empty_store()
        try:
            yield url
        finally:
            with redis.Redis.from_url(url) as client:
                client.flushdb()

    def _empty_store(self) -> str:
        for number in STORES:
            url = self.engines.store(number)
            try:
                with redis.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS) as client:
                    if client.dbsize() == 0:
                        # Taken: the next arena finds something in it.
                        client.set("platform-scheduler:bench", "taken")
                        return url
            except redis.ResponseError:  # it has fewer databases
                continue
            except redis.RedisError as error:
                raise CannotStart(f"Redis does not answer: {error}") from None
        raise CannotStart("Each of the Redis's databases holds something: the bench needs an empty one.")

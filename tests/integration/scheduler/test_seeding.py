"""`manage.py bench seed-history` fills empty databases only."""

import psycopg
import pytest

from bench import seeding
from platform_scheduler.embedded.errors import CannotStart
from tests.hot_paths import add_task


def seed(connection: psycopg.Connection) -> None:
    info = connection.info
    url = f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
    seeding.seed(url, tasks=10, executions=10, seed=1, say=lambda _: None)


def test_it_refuses_a_database_with_tasks(connection: psycopg.Connection):
    add_task(connection)
    with pytest.raises(CannotStart, match="scheduler_tasks is not empty: history is seeded into a new database only"):
        seed(connection)


def test_it_refuses_a_database_that_does_not_answer():
    with pytest.raises(CannotStart, match="The database does not answer"):
        seeding.seed("postgresql://x@127.0.0.1:1/x", tasks=1, executions=1, seed=1, say=lambda _: None)

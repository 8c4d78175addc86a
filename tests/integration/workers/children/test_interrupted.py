"""What a limit interrupts in the middle of a statement, and what the next in that child finds."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection as django_connection
from django.db import connections, transaction

from platform_scheduler.embedded.waiting import wait_until
from tests.hot_paths import SECOND, add_task, queue_one
from tests.integration.workers.children.child import Child, summary
from workers.context import Context
from workers.registry import Data, handler

SOON = 0.05


@pytest.fixture(autouse=True)
def _a_connection_of_its_own() -> Iterator[None]:
    """What a test breaks is not that over which the tests' database is made and removed."""
    whole = connections["default"]
    del connections["default"]
    yield
    with suppress(Exception):  # one in a block that nobody has left complains
        connections["default"].close()
    connections["default"] = whole


@pytest.fixture
def bundle(child: Child, connection: psycopg.Connection, now: datetime) -> Callable[..., list[Any]]:
    """Runs handlers as one bundle, and returns how each has ended; one bundle after another."""
    names = (f"acme.test{number}" for number in count())

    def run(*functions: Callable[[Context], Any]) -> list[Any]:
        ids: list[UUID] = []
        for function, name in zip(functions, names, strict=False):
            handler(name)(partial(_call, function))
            ids.append(queue_one(connection, add_task(connection, task_class=name), now=now))
        child.runner.run(connection, ids, now=now + SECOND)
        return [summary(one)[:2] for one in child.sent()]

    return run


def _call(function: Callable[[Context], Any], data: Data, context: Context) -> Any:
    return function(context)


def ask(context: Context, statement: str = "SELECT 'fine'") -> Any:
    """Ask over the connection that handlers have from Django."""
    with django_connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def be_interrupted(context: Context) -> None:
    signal.setitimer(signal.ITIMER_REAL, SOON)
    ask(context, "SELECT 'interrupted', pg_sleep(600)")


def be_interrupted_in_a_block(context: Context) -> None:
    with transaction.atomic():
        be_interrupted(context)


def leave_a_transaction_open(context: Context) -> None:
    transaction.set_autocommit(False)
    ask(context, "INSERT INTO scheduler_namespaces (name, secret_names) VALUES ('left', '[]') RETURNING 1")


def leave_a_block_open(context: Context) -> None:
    transaction.atomic().__enter__()
    ask(context, "INSERT INTO scheduler_namespaces (name, secret_names) VALUES ('left', '[]') RETURNING 1")


def commit(context: Context) -> Any:
    with transaction.atomic():
        return ask(context, "SELECT count(*)::text FROM scheduler_namespaces")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [be_interrupted, be_interrupted_in_a_block])
def test_a_statement_that_is_interrupted_ends_and_does_not_stop_the_next(
    bundle: Callable[..., list[Any]], connection: psycopg.Connection, before: Any
):
    assert bundle(before, ask) == [("TIMED_OUT", None), ("SUCCESS", "fine")]
    still = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT ''interrupted''%'"
    # The server ends it a moment after it has been asked to.
    assert wait_until(lambda: connection.execute(still).fetchone() == (0,), seconds=10)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("interrupted", [be_interrupted, be_interrupted_in_a_block])
def test_a_handler_cleans_up_over_another_connection(
    bundle: Callable[..., list[Any]], connection: psycopg.Connection, interrupted: Any
):
    def clean_up(context: Context) -> None:
        try:
            interrupted(context)
        finally:
            ask(
                context, "INSERT INTO scheduler_namespaces (name, secret_names) VALUES ('cleaned up', '[]') RETURNING 1"
            )

    assert bundle(clean_up, ask) == [("TIMED_OUT", None), ("SUCCESS", "fine")]
    assert connection.execute("SELECT name FROM scheduler_namespaces").fetchall() == [("cleaned up",)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [leave_a_transaction_open, leave_a_block_open])
def test_what_is_not_committed_is_not_committed_by_the_next(
    bundle: Callable[..., list[Any]], connection: psycopg.Connection, before: Any
):
    assert bundle(before, commit) == [("SUCCESS", None), ("SUCCESS", "0")]
    assert connection.execute("SELECT count(*) FROM scheduler_namespaces").fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("last", [be_interrupted, leave_a_transaction_open, leave_a_block_open])
def test_nor_is_it_by_the_first_of_the_next_message(bundle: Callable[..., list[Any]], last: Any):
    bundle(last)
    assert bundle(commit) == [("SUCCESS", "0")]


@pytest.mark.django_db(transaction=True)
def test_an_idle_connection_is_there_for_the_next(bundle: Callable[..., list[Any]]):
    pid = "SELECT pg_backend_pid()"
    (_, first), (_, second) = bundle(lambda context: ask(context, pid), lambda context: ask(context, pid))
    assert first == second


def test_a_question_of_the_platform_itself_is_answered_before_a_limit_strikes(
    bundle: Callable[..., list[Any]], connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    """Its connection is the child's: the log of this one and all that come next need it."""
    asked: list[str] = []
    execute = connection.execute

    def strike_meanwhile(statement: Any, *arguments: Any, **options: Any) -> Any:
        if "status = 'SUCCESS' ORDER BY" not in str(statement):
            return execute(statement, *arguments, **options)
        signal.raise_signal(signal.SIGALRM)
        asked.append("and answered")
        return execute(statement, *arguments, **options)

    def ask_the_context(context: Context) -> Any:
        context.log.info("It asks.")
        return context.previous_success_for

    monkeypatch.setattr(connection, "execute", strike_meanwhile)
    assert bundle(ask_the_context) == [("TIMED_OUT", None)]
    assert asked == ["and answered"]
    assert connection.execute("SELECT count(*) FROM execution_log").fetchone() == (1,)

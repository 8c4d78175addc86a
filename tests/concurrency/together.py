"""Runs calls at the same time, each in a thread, from one barrier on."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Any

import psycopg

PATIENCE_SECONDS = 60
LOOKS = 100_000


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Return what the calls return, in their order; raise what one of them raises."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE_SECONDS)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(PATIENCE_SECONDS) for future in [pool.submit(run, call) for call in calls]]


def in_turn(*calls: Callable[[], Any]) -> Callable[[], list[Any]]:
    """Return one call that makes these one after another."""
    return lambda: [call() for call in calls]


def flat(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """Return all items of the lists."""
    return [item for items in lists for item in items]


_WAITS = "SELECT count(*) > 0 FROM pg_locks WHERE pid = %s AND NOT granted"


def until_it_waits(witness: psycopg.Connection, connection: psycopg.Connection) -> None:
    """Return once the connection, which is in use elsewhere, waits for somebody's lock."""

    def is_running(_: int) -> bool:
        return witness.execute(_WAITS, (connection.info.backend_pid,)).fetchone() == (False,)

    looks = sum(1 for _ in takewhile(is_running, range(LOOKS)))
    assert looks < LOOKS, "It never waited."

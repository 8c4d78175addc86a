"""Several schedulers under flow control: rates are kept exactly, a stop lets nothing through, nothing is lost."""

from datetime import datetime, timedelta
from functools import partial

import psycopg

from scheduler import claims, firing, flow, throttles
from scheduler.claims import EVERYWHERE
from tests.concurrency.together import flat, together
from tests.hot_paths import SECOND, Open, add_task, executions, statuses

NODES = 4
CLAIMED = 20


def set_flow(connection: psycopg.Connection, document: dict[str, object], *, now: datetime) -> None:
    with connection.transaction():
        claims.flow_state(connection)
        flow.ask(connection, document, reason=None, starts_at=now, expires_at=None, actor="olaf", now=now)


def claim_and_let_go(connection: psycopg.Connection, *, nows: list[datetime]) -> list[datetime]:
    """Do what a node does, instant by instant; return at which ones something went, once for each execution."""
    went: list[datetime] = []
    for now in nows:
        went += [now for _ in firing.claim(connection, now=now, limit=CLAIMED).ready]
        went += [now for _ in throttles.release(connection, now=now, low=EVERYWHERE)]
    return went


def test_several_schedulers_keep_a_rate_exactly(connection: psycopg.Connection, open_connection: Open, now: datetime):
    set_flow(connection, {"mode": "THROTTLED", "maxDispatchPerSecond": 20}, now=now)
    for _ in range(300):
        add_task(connection, next_slot_for=now, interval_seconds=3600)
    nows = [now + number * SECOND / 20 for number in range(101)]
    went = flat(together(*(partial(claim_and_let_go, open_connection(), nows=nows) for _ in range(NODES))))
    assert len(went) == 5 * 20 + 4  # five seconds, and what was saved up
    assert statuses(connection).count("QUEUED") == len(went)
    assert len(executions(connection)) == 300


def test_in_no_second_more_goes_than_the_rate_and_what_was_saved_up(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    set_flow(connection, {"mode": "THROTTLED", "maxDispatchPerSecond": 20}, now=now)
    for _ in range(300):
        add_task(connection, next_slot_for=now, interval_seconds=3600)
    nows = [now + number * SECOND / 20 for number in range(101)]
    together(*(partial(claim_and_let_go, open_connection(), nows=nows) for _ in range(NODES)))
    went = sorted(row["queued_at"] for row in executions(connection) if row["queued_at"] is not None)
    within = [sum(begin <= one < begin + timedelta(seconds=1) for one in went) for begin in went]
    assert max(within) <= 24


def went_after_stop(connection: psycopg.Connection, open_connection: Open, *, now: datetime) -> int:
    """Stop everything while several nodes claim; return how many went after the stop was answered."""
    for _ in range(400):
        add_task(connection, next_slot_for=now, interval_seconds=3600)
    before: list[int] = []

    def stop() -> None:
        other = open_connection()
        set_flow(other, {"mode": "PAUSED"}, now=now)
        before.append(statuses(other).count("QUEUED"))

    nodes = [partial(claim_and_let_go, open_connection(), nows=[now] * 20) for _ in range(NODES)]
    together(stop, *nodes)
    return statuses(connection).count("QUEUED") - before[0]


def test_after_a_stop_only_batches_that_had_begun_are_ended(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    assert went_after_stop(connection, open_connection, now=now) <= NODES * CLAIMED


def test_nothing_at_all_passes_a_stop_where_there_was_a_limit(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    set_flow(connection, {"mode": "THROTTLED", "maxConcurrency": 1_000_000}, now=now)
    assert went_after_stop(connection, open_connection, now=now) == 0


def test_several_nodes_put_a_plan_in_force_once(connection: psycopg.Connection, open_connection: Open, now: datetime):
    with connection.transaction():
        claims.flow_state(connection)
        flow.ask(
            connection, {"mode": "PAUSED"}, reason=None, starts_at=now + SECOND, expires_at=None, actor="olaf", now=now
        )
    together(*(partial(flow.begin_and_end, open_connection(), now=now + SECOND) for _ in range(NODES)))
    assert connection.execute("SELECT count(*) FROM scheduler_audit").fetchone() == (1,)


def test_several_nodes_lift_each_task_once(connection: psycopg.Connection, open_connection: Open, now: datetime):
    set_flow(connection, {"mode": "NORMAL", "queues": {"default": {"mode": "PAUSED"}}}, now=now)
    for _ in range(100):
        add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    set_flow(connection, {"mode": "NORMAL"}, now=now)
    assert sum(together(*(partial(flow.lift, open_connection()) for _ in range(NODES)))) == 100

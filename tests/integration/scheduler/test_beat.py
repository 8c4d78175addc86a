"""`celery beat` as a scheduler node: one of them sends the housekeeping."""

import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from celery.schedules import schedstate
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from platform_scheduler.celery import app
from scheduler import beat, clock, housekeeping
from scheduler.beat import BeatScheduler, install_chores
from scheduler.connections import current
from scheduler.metrics import NodeMetrics
from scheduler.node import SchedulerNode
from workers import deliveries

CHORE = housekeeping.CHORES[0]
# What is sent where nobody is to be told of anything.
CHORES = [chore.task for chore in housekeeping.CHORES if chore.sign == "true"]


class Node(SchedulerNode):
    """A node that holds the beat lease, or does not, and runs no loops."""

    may_beat = False
    epoch = None

    def __init__(self, *, may_beat: bool = True, epoch: int | None = 1) -> None:
        self.id = uuid4()
        self.may_beat = may_beat
        self.epoch = epoch
        self.is_stopped = False
        self.has_released = False
        self.metrics = NodeMetrics()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.is_stopped = True

    def take_leave(self, connection: psycopg.Connection) -> None:
        self.has_released = True


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what would have been sent."""
    names: list[str] = []
    monkeypatch.setattr(BeatScheduler, "apply_async", lambda _, entry, **__: names.append(entry.task))
    return names


@pytest.fixture
def scheduler(transactional_db: None, sent: list[str]) -> BeatScheduler:
    """Beat's scheduler as celery builds it, with a node that holds the lease; it commits, whatever surrounds it."""
    made = BeatScheduler(app=app)
    made._finalize.cancel()
    made.node = Node()
    return made


@pytest.fixture
def due(transactional_db: None) -> datetime:
    """When every chore ran last: a day ago."""
    install_chores()
    yesterday = clock.now() - timedelta(days=1)
    PeriodicTask.objects.update(last_run_at=yesterday)
    return yesterday


def tick(scheduler: BeatScheduler, times: int = 3) -> list[float]:
    return [scheduler.tick() for _ in range(times)]


def test_what_is_nearly_due_is_not_waited_for_busily(
    scheduler: BeatScheduler, due: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = DatabaseScheduler.tick

    def counted(self: DatabaseScheduler) -> Any:
        nonlocal looks
        looks += 1
        return look(self)

    monkeypatch.setattr(DatabaseScheduler, "tick", counted)
    monkeypatch.setattr(ModelEntry, "is_due", lambda _: schedstate(is_due=False, next=0.005))
    # Time stands still, or on a busy machine it would be due meanwhile.
    monkeypatch.setattr(BeatScheduler, "_when", lambda self, _, seconds: 1_000 + self.adjust(seconds))

    scheduler.tick()

    assert looks == 1


@pytest.mark.usefixtures("due")
def test_it_sends_the_housekeeping_while_it_holds_the_lease(scheduler: BeatScheduler, sent: list[str]):
    tick(scheduler)
    assert sorted(sent) == sorted(CHORES)  # in the order in which the database has their rows


@pytest.mark.usefixtures("due")
def test_it_sends_nothing_without_the_lease(scheduler: BeatScheduler, sent: list[str]):
    scheduler.node = Node(may_beat=False)
    assert (set(tick(scheduler)), sent) == ({beat.IDLE_SECONDS}, [])


@pytest.mark.usefixtures("due")
def test_it_sends_nothing_before_its_node_has_started(scheduler: BeatScheduler, sent: list[str]):
    scheduler.node = None
    assert (set(tick(scheduler)), sent) == ({beat.IDLE_SECONDS}, [])


def test_it_asks_nothing_of_the_database_without_the_lease(scheduler: BeatScheduler, django_assert_num_queries: Any):
    scheduler.node = Node(may_beat=False)
    with django_assert_num_queries(0):
        tick(scheduler)


@pytest.mark.usefixtures("due")
def test_it_sends_an_interval_once(scheduler: BeatScheduler, sent: list[str]):
    tick(scheduler, times=6)
    assert len(sent) == len(CHORES)


@pytest.mark.usefixtures("due")
def test_it_hears_within_seconds_that_a_row_was_changed(scheduler: BeatScheduler):
    tick(scheduler)
    changed = PeriodicTask.objects.get(name=CHORE.name)
    changed.enabled = False
    changed.save()

    assert CHORE.name in scheduler.schedule
    scheduler._asks_again_at = 0
    assert CHORE.name not in scheduler.schedule


def test_it_seldom_asks_whether_a_row_was_changed(
    scheduler: BeatScheduler, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
):
    asked: list[datetime | None] = []
    changes = scheduler.Changes.last_change
    monkeypatch.setattr(scheduler.Changes, "last_change", lambda: asked.append(changes()))
    tick(scheduler)
    with django_assert_num_queries(0):
        tick(scheduler, times=3)
    assert len(asked) <= 1
    scheduler._asks_again_at = 0
    tick(scheduler)
    assert len(asked) == 2


MESSAGES = {
    "something to work out": "INSERT INTO scheduler_outbox (executions) VALUES ('{}')",
    "a channel's notices": """
        INSERT INTO scheduler_channels (key, namespace, channel, next_at) VALUES ('key', 'default', '{}', now())
    """,
    "a delivery": """
        WITH hook AS (
            INSERT INTO scheduler_webhooks (id, namespace, url, events)
            VALUES (gen_random_uuid(), 'default', 'https://example.org', '[]') RETURNING id
        )
        INSERT INTO scheduler_deliveries (id, webhook_id, event, subject, body, tries_left, created_at, next_attempt_at)
        SELECT gen_random_uuid(), id, 'execution.failed', '-', '{}', 5, now(), now() FROM hook
    """,
}


@pytest.mark.usefixtures("due")
@pytest.mark.parametrize("statement", MESSAGES.values(), ids=MESSAGES)
def test_it_sends_deliveries_off_where_somebody_is_to_be_told(
    scheduler: BeatScheduler, sent: list[str], connection: psycopg.Connection, statement: str
):
    connection.execute(statement)
    tick(scheduler)
    assert sorted(sent) == sorted([*CHORES, deliveries.deliver.name])


@pytest.mark.usefixtures("due")
def test_it_sends_nothing_off_for_deliveries_until_there_are_some(
    scheduler: BeatScheduler, sent: list[str], connection: psycopg.Connection
):
    tick(scheduler)
    connection.execute(MESSAGES["something to work out"])
    PeriodicTask.objects.update(last_run_at=clock.now() - timedelta(days=1))
    scheduler.node = Node(epoch=2)
    tick(scheduler)
    assert sent.count(deliveries.deliver.name) == 1


def test_it_reads_the_schedule_anew_under_another_epoch(scheduler: BeatScheduler, sent: list[str], due: datetime):
    """What it had read is from before the other holder's time: written back, it would undo that one's runs."""
    tick(scheduler)
    PeriodicTask.objects.update(last_run_at=due)
    scheduler._dirty.add(CHORE.name)
    scheduler.node = Node(epoch=3)
    tick(scheduler)
    assert sorted(sent) == sorted([*CHORES, *CHORES])


def test_it_outlives_a_fault_of_the_database(scheduler: BeatScheduler, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> float:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(DatabaseScheduler, "tick", broken)
    assert scheduler.tick() == beat.IDLE_SECONDS


@pytest.mark.usefixtures("due")
def test_it_takes_over_again_where_taking_over_has_failed(
    scheduler: BeatScheduler, sent: list[str], monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(beat, "install_chores", lambda: 1 / 0)
        scheduler.tick()
    tick(scheduler)
    assert sorted(sent) == sorted(CHORES)


@pytest.mark.usefixtures("due")
def test_it_takes_over_after_an_outage_that_ended_its_connection(scheduler: BeatScheduler):
    """It met the dead server, and another node held the lease before it looked again."""
    tick(scheduler)
    current().close()
    scheduler.node = Node(epoch=2)
    tick(scheduler)
    assert scheduler._epoch == 2


def test_it_starts_without_a_database(monkeypatch: pytest.MonkeyPatch):
    """Nothing is read before the lease is held; stock beat would end with exit status 1."""
    BeatScheduler(app=app)._finalize.cancel()


def test_it_stops_its_node_and_gives_the_lease_up(scheduler: BeatScheduler):
    node = Node()
    scheduler.node = node
    scheduler.close()
    assert (node.is_stopped, node.has_released) == (True, True)
    assert scheduler.node is None


def test_it_ends_though_the_lease_cannot_be_given_up(scheduler: BeatScheduler, monkeypatch: pytest.MonkeyPatch):
    def refused(**_: str) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(beat, "connect", refused)
    scheduler.close()
    assert scheduler.node is None


# The chores


@pytest.fixture
def installed(db: None) -> PeriodicTask:
    """The first chore as an operator sees it."""
    install_chores()
    return PeriodicTask.objects.get(name=CHORE.name)


def test_it_installs_every_chore(installed: PeriodicTask):
    names = set(PeriodicTask.objects.values_list("name", "task", "queue"))
    assert names == {(chore.name, chore.task, housekeeping.QUEUE) for chore in housekeeping.CHORES}


def test_it_installs_nothing_twice(installed: PeriodicTask):
    install_chores()
    assert PeriodicTask.objects.count() == len(housekeeping.CHORES)


def test_it_sets_an_edited_task_name_right(installed: PeriodicTask):
    """A task name that anybody may edit would be a way around the allow-list."""
    PeriodicTask.objects.filter(pk=installed.pk).update(task="os.system", queue="default")
    install_chores()
    installed.refresh_from_db()
    assert (installed.task, installed.queue) == (CHORE.task, housekeeping.QUEUE)


def test_it_leaves_interval_and_switch_to_the_operators(installed: PeriodicTask):
    every = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.filter(pk=installed.pk).update(interval=every, enabled=False)
    install_chores()
    installed.refresh_from_db()
    assert (installed.interval, installed.enabled) == (every, False)


@pytest.mark.parametrize("chore", housekeeping.CHORES, ids=lambda chore: chore.name)
def test_workers_know_the_celery_task_of_every_chore(chore: housekeeping.Chore):
    assert {deliveries.deliver.name} | app.tasks.keys() >= {chore.task}


def test_what_no_worker_takes_in_time_is_sent_no_more(installed: PeriodicTask):
    often = PeriodicTask.objects.get(task="workers.deliver")
    assert (often.expire_seconds, installed.expire_seconds) == (300, None)


# The start


@pytest.fixture
def signals() -> Iterator[None]:
    """The signal handlers of the test process come back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Unobserved:
    """Watches over nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        self.loop = SimpleNamespace(start=lambda: None)


class Service:
    """Celery's beat service, as far as the start looks at it."""

    def __init__(self, scheduler: object) -> None:
        self.scheduler = scheduler
        self.is_stopping = False

    def stop(self) -> None:
        self.is_stopping = True


@pytest.mark.usefixtures("signals")
def test_it_starts_its_node_with_beat(scheduler: BeatScheduler, monkeypatch: pytest.MonkeyPatch):
    node = Node()
    monkeypatch.setattr(beat, "SchedulerNode", lambda: node)
    monkeypatch.setattr(beat, "Observer", Unobserved)
    beat.start_node(sender=Service(scheduler))
    assert scheduler.node == node


@pytest.mark.usefixtures("signals")
def test_it_asks_beat_to_stop_on_sigterm(scheduler: BeatScheduler, monkeypatch: pytest.MonkeyPatch):
    service = Service(scheduler)
    monkeypatch.setattr(beat, "SchedulerNode", Node)
    monkeypatch.setattr(beat, "Observer", Unobserved)
    beat.start_node(sender=service)
    signal.raise_signal(signal.SIGTERM)
    assert service.is_stopping


def test_it_leaves_other_schedulers_alone():
    service = Service(object())
    beat.start_node(sender=service)
    assert not hasattr(service.scheduler, "node")

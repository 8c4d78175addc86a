"""Messages that a worker had taken and not begun when it ended: their rows are published again."""

from datetime import datetime
from uuid import UUID, uuid4

import psycopg
import pytest
import redis

from scheduler import nodes
from scheduler.broker import Broker
from scheduler.node import SchedulerNode
from tests.hot_paths import DAY, LEASE, SECOND, add_task, change, execution, key_prefix, queue_one
from tests.integration.scheduler.hands import Hands


class Left:
    """A node that publishes, and a broker whose messages a worker takes with it."""

    def __init__(self, connection: psycopg.Connection, node: SchedulerNode, store: redis.Redis, hands: Hands) -> None:
        self.connection = connection
        self._node = node
        self._store = store
        self._hands = hands
        self.worker = uuid4()
        self.beat(self.worker)

    def beat(self, worker: UUID, queue: str = "default") -> None:
        nodes.heartbeat(self.connection, self._hands.now, node=worker, role="worker", carries={"queues": [queue]})

    def publish(self) -> UUID:
        """Request an execution and see it published."""
        task = add_task(self.connection, next_slot_for=self._hands.now + DAY)
        made = queue_one(self.connection, task, now=self._hands.now)
        self.turn(6)
        assert self.count(made) == 1
        return made

    def take(self) -> None:
        """Take all messages, as a worker does that dies before it begins them."""
        for key in self._store.scan_iter(f"{key_prefix()}default*"):
            self._store.delete(key)

    def leave(self, worker: UUID) -> None:
        nodes.leave(self.connection, self._hands.now, node=worker)

    def turn(self, seconds: float) -> None:
        """Let time pass and the node publish what is to be published, as often as it likes."""
        self._hands.move(seconds * SECOND)
        for _ in range(2):
            self._hands.move(2 * SECOND)
            self._node.publisher.batches.put(([], None))
            self._node.publisher.turn(self.connection)

    def count(self, made: UUID) -> int:
        """Return how often it has been published."""
        count: int = execution(self.connection, made)["publish_count"]
        return count

    def run(self, published_at: datetime, *, priority: int = 5) -> None:
        """Have something run that was published then."""
        made = queue_one(self.connection, add_task(self.connection, next_slot_for=None), now=self._hands.now)
        change(
            self.connection, "task_execution_history", made, status="RUNNING", published_at=published_at,
            priority=priority, lease_expires_at=self._hands.now + LEASE, fence=1, start_time=self._hands.now,
        )  # fmt: skip


@pytest.fixture
def left(connection: psycopg.Connection, node: SchedulerNode, broker: Broker, store: redis.Redis, hands: Hands) -> Left:
    broker.remember()
    return Left(connection, node, store, hands)


def test_they_go_again_at_once_where_the_worker_has_left(left: Left):
    made = left.publish()
    left.take()
    left.leave(left.worker)
    left.turn(1)
    assert left.count(made) == 2


def test_they_go_again_once_the_worker_is_silent(left: Left):
    made = left.publish()
    left.take()
    left.turn(1)
    before = left.count(made)
    left.turn(nodes.SILENT_AFTER.total_seconds())
    assert (before, left.count(made)) == (1, 2)


def test_they_go_again_once_for_one_end(left: Left):
    made = left.publish()
    left.take()
    left.leave(left.worker)
    for _ in range(4):
        left.turn(31)
    assert left.count(made) == 2


def test_they_stay_where_a_worker_of_other_queues_ends(left: Left):
    other = uuid4()
    left.beat(other, "reports")
    made = left.publish()
    left.take()
    left.leave(other)
    left.turn(1)
    assert left.count(made) == 1


def test_they_stay_while_the_queue_holds_as_many(left: Left, broker: Broker):
    made = left.publish()
    left.leave(left.worker)
    left.turn(31)
    assert (left.count(made), broker.depth("default")) == (1, 1)


@pytest.mark.parametrize(("priority", "count"), [(5, 2), (9, 1)])
def test_what_was_overtaken_goes_again_however_long_the_queue(left: Left, hands: Hands, priority: int, count: int):
    """What is urgent may pass before; what was published later at the same priority may not."""
    made = left.publish()
    left.take()
    left.beat(left.worker)
    behind = left.publish()
    left.run(hands.now, priority=priority)
    left.leave(left.worker)
    left.turn(31)
    assert (left.count(made), left.count(behind)) == (count, 1)

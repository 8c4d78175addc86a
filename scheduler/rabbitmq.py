"""RabbitMQ as the broker: queues are declared first, messages confirmed many at a time, a queue tells of lost data."""

from collections.abc import Sequence
from typing import Any

from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from scheduler import messages
from scheduler.records import Ready

NOT_FOUND = 404
# Long enough for what the server has sent before, too short to matter.
GLANCE_SECONDS = 0.001


class RabbitMQ:
    """One connection, opened here; every answer is waited for as long as `timeout_seconds`.

    Raises what kombu calls connection and channel errors; after one the whole is of no more use.
    """

    def __init__(self, connection: Connection, *, timeout_seconds: float) -> None:
        self.connection = connection
        self._timeout_seconds = timeout_seconds
        channel: Any = connection.default_channel
        underlying: Any = connection.connection
        underlying.sock.settimeout(timeout_seconds)
        self._channel: Any = channel
        self._producer = Producer(channel)
        self._declared: set[str] = set()
        # The channel numbers messages from 1 once it confirms; its own waiting publish would take a round trip each.
        self._sent = 0
        self._unconfirmed: set[int] = set()
        channel.events["basic_ack"].add(self._confirm)
        channel.events["basic_nack"].add(self._refuse)
        channel.confirm_select()

    def publish(self, bundles: Sequence[Sequence[Ready]], *, is_ahead: bool = False) -> None:
        """Send a message for each, in their order, and wait until the server answers for all of them.

        Nothing is put ahead of what waits: no queue of RabbitMQ's takes that.
        """
        del is_ahead
        for name in {bundle[0].queue for bundle in bundles} - self._declared:
            messages.queue(name)(self._channel).declare()
            self._declared.add(name)
        for bundle in bundles:
            self._sent += 1
            self._unconfirmed.add(self._sent)
            # Mandatory: a queue that somebody has deleted since is an error, not a message that is gone.
            messages.publish(self._producer, bundle, transport="amqp", mandatory=True)
        while self._unconfirmed:
            self.connection.drain_events(timeout=self._timeout_seconds)

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in `queue`; None where there is no such queue."""
        try:
            # A channel for this, as the server closes the one on which it was asked for what it does not know.
            opened: Any = self.connection.channel()
            with opened as channel:
                return int(channel.queue_declare(queue, passive=True).message_count)
        except self.connection.channel_errors as error:
            if getattr(error, "reply_code", None) != NOT_FOUND:
                raise
            return None

    def keep(self, queue: str) -> None:
        """Declare a queue without a consumer, that outlives everything but the server's data."""
        self._channel.queue_declare(queue, durable=True, auto_delete=False)

    def is_gone(self) -> bool:
        """Tell whether the server has closed the connection since it was last used, which only reading tells."""
        try:
            self.connection.drain_events(timeout=GLANCE_SECONDS)
        except TimeoutError:
            return False
        except (*self.connection.connection_errors, *self.connection.channel_errors):
            return True
        return False

    def _confirm(self, number: int, up_to: bool) -> None:
        if up_to:
            self._unconfirmed = {each for each in self._unconfirmed if each > number}
        else:
            self._unconfirmed.discard(number)

    def _refuse(self, number: int, _up_to: bool) -> None:
        raise OperationalError(f"RabbitMQ has refused message {number} of this connection")

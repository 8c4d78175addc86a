"""How much the platform lets go by itself, as people see it."""

from typing import NamedTuple

from scheduler import circuits, connections, holding
from scheduler.engine.gates import LOAD
from scheduler.holding import Holding
from scheduler.models import Protection

MOST_COUNTED = 10_000


class Standing(NamedTuple):
    """What is decided, None before anybody has; how many executions wait for it; all that is held, and why."""

    row: Protection | None
    held_count: int
    holding: Holding

    @property
    def shed_priority(self) -> int | None:
        """Up to which priority fresh slots are left out."""
        return self.holding.shed_priority


def find(*, bound_to: str | None) -> Standing:
    """Return how protection stands; of a caller who is bound to a namespace with what it holds of that one."""
    held = circuits.held(connections.current(), [LOAD], namespace=bound_to, limit=MOST_COUNTED)
    holds = holding.find(connections.current(), limit=MOST_COUNTED, namespace=bound_to)
    return Standing(Protection.objects.filter(id=1).first(), held.get(LOAD, 0), holds)

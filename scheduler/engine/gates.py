"""Gates: the keys under which an execution may be held, and why each of them holds it."""

from collections.abc import Iterable
from functools import lru_cache

from scheduler.engine.protection import CRITICAL_PRIORITY, SHED_FROM
from scheduler.engine.states import Reason

# What the platform lets go of all that is not critical, by its own load (`scheduler.protection`).
LOAD = "load"
SERVICE = "service:"
# With the highest priority that it is about: fresh slots that are left out while load holds too much.
SHED = "shed:"


@lru_cache(maxsize=4096)
def limits_of(*, queue: str, task_class: str, namespace: str) -> tuple[str, ...]:
    """Return the keys under which people may limit an execution."""
    return ("all", f"queue:{queue}", f"class:{task_class}", f"namespace:{namespace}")


def gates_of(
    *, queue: str, task_class: str, namespace: str, priority: int, uses: Iterable[str] = (), is_fresh: bool = False
) -> tuple[str, ...]:
    """Return all keys under which an execution may be held; `uses` are the services that its task names.

    Of a fresh slot with the key under which it may be left out.
    """
    keys = limits_of(queue=queue, task_class=task_class, namespace=namespace)
    if is_fresh:
        keys = (*keys, *_sheds_of(priority))
    if priority < CRITICAL_PRIORITY:
        keys = (*keys, LOAD)
    return (*keys, *(SERVICE + name for name in uses)) if uses else keys


@lru_cache(maxsize=16)
def _sheds_of(priority: int) -> tuple[str, ...]:
    return tuple(SHED + str(most) for most in SHED_FROM if priority <= most)[:1]


def reason_of(key: str) -> Reason:
    """Return why what this key holds waits."""
    if key == LOAD:
        return Reason.THROTTLE
    if key.startswith(SHED):
        return Reason.SHED
    return Reason.CIRCUIT if key.startswith(SERVICE) else Reason.FLOW

"""What a task depends on: found by name or id, kept free of cycles, and linked to it.

Whoever changes the graph holds it alone until the transaction ends: `lock` comes before any task's own lock. `bound_to`
is the namespace that the caller is bound to; what lies in another one is not found, but where the task waits for it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper

from register.errors import TaskInUse
from register.given import Given
from scheduler import claims, connections, workflows
from scheduler.engine.states import TaskStatus
from scheduler.engine.suggestions import did_you_mean
from scheduler.engine.workflows import Condition, Upstream, find_cycle
from scheduler.errors import Fault
from scheduler.models import Dependency, Task

NAMES_SHOWN = 5
PATH_SHOWN = 20


def lock(given: Given, *, task_id: UUID | None = None, namespace: str, bound_to: str | None) -> Given:
    """Return what was given with the upstreams found, after locking the graph, them and the task, in this order.

    Where nothing is said of dependencies it locks nothing. Faults are told with those known before.
    """
    asked = given.values.get("upstreams")
    if asked is None or isinstance(asked, tuple):  # nothing, or found already in this transaction
        return given
    connection = connections.current()
    claims.edit_graph(connection)
    before = _linked(task_id)
    faults: list[Fault] = []
    found = _found(asked, _candidates(asked, namespace=namespace, bound_to=bound_to, before=before), faults, namespace)
    upstreams = tuple(Upstream(task.id, condition) for task, condition in found)
    own = () if task_id is None else (task_id,)
    claims.lock_tasks(connection, {*own, *before, *(upstream.task_id for upstream in upstreams)})
    faults += _gone([task.id for task, _ in found])
    faulty = given.faulty | {"upstreams"} if faults else given.faulty
    return Given(
        given.values | {"upstreams": upstreams},
        (*given.faults, *faults),
        faulty,
        allow_unknown_task_class=given.allow_unknown_task_class,
    )


def lock_linked(task_id: UUID) -> None:
    """Lock a task together with what it depends on, where it depends on anything, in the order of all locks."""
    if linked := _linked(task_id):
        claims.lock_tasks(connections.current(), {task_id, *linked})


def _linked(task_id: UUID | None) -> set[UUID]:
    """Return what a task waits for as it is stored."""
    return set(Dependency.objects.filter(task_id=task_id).values_list("upstream_id", flat=True)) if task_id else set()


def _alive() -> QuerySet[Task]:
    return Task.objects.exclude(status=TaskStatus.DELETED)


def _candidates(
    asked: Sequence[Mapping[str, Any]], *, namespace: str, bound_to: str | None, before: Collection[UUID]
) -> list[Task]:
    """Return the tasks that are meant: by name in the task's own namespace, by id in any that the caller may see."""
    by_name = Q(namespace=namespace, name__in=[one["name"] for one in asked if one.get("name") is not None])
    by_id = Q(id__in=[one["task_id"] for one in asked if one.get("task_id") is not None])
    seen = Q(namespace=bound_to) | Q(id__in=before) if bound_to is not None else Q()
    return list(_alive().filter(by_name | by_id).filter(seen).only("id", "name", "namespace"))


def _found(
    asked: Sequence[Mapping[str, Any]], candidates: Sequence[Task], faults: list[Fault], namespace: str
) -> list[tuple[Task, Condition]]:
    """Return each upstream that was asked for once, with its condition; note what is wrong with the others."""
    by_id = {task.id: task for task in candidates}
    by_name = {task.name: task for task in candidates if task.namespace == namespace}
    found: dict[UUID, tuple[Task, Condition]] = {}
    for index, one in enumerate(asked):
        place, task_id, name = f"dependencies[{index}]", one.get("task_id"), one.get("name")
        task = by_id.get(task_id) if task_id is not None else by_name.get(name or "")
        if task is None:
            faults.append(_unknown(place, task_id, name, namespace))
        elif task_id is not None and name is not None and name != task.name:
            faults.append(_impossible(f"{place}.name", "taskId is the id of another task: give one of the two."))
        elif task.id in found:
            faults.append(_impossible(place, "An earlier entry names this task: give it one condition."))
        else:
            found[task.id] = (task, Condition(one["condition"]))
    return list(found.values())


def _unknown(place: str, task_id: UUID | None, name: str | None, namespace: str) -> Fault:
    if task_id is not None:
        return Fault(f"{place}.taskId", "unknown_task", f"There is no task {task_id}.", is_impossible=True)
    begin = Upper(Value((name or "")[:1]))
    known = _alive().filter(search__namespace=namespace, search__name__startswith=begin).order_by("name", "id")
    suggestion = did_you_mean(name or "", known.values_list("name", flat=True)[:1000])
    message = f"There is no task {(name or '')[:100]!r} in the namespace {namespace}.{suggestion}"
    return Fault(f"{place}.name", "unknown_task", message, is_impossible=True)


def _gone(task_ids: Sequence[UUID]) -> Iterator[Fault]:
    """Yield the faults of upstreams that were deleted before they were locked."""
    alive = set(_alive().filter(id__in=task_ids).values_list("id", flat=True))
    for task_id in task_ids:
        if task_id not in alive:
            message = f"The task {task_id} has been deleted just now."
            yield Fault("dependencies", "unknown_task", message, is_impossible=True)


def broken(task: Task, *, bound_to: str | None) -> Iterator[Fault]:
    """Yield why a task may not depend on these: a cycle, which names its path, or a workflow that grows too large."""
    upstreams = [upstream.task_id for upstream in task.upstreams]
    edges = workflows.edges_around(connections.current(), {task.id, *upstreams})
    edges[task.id] = upstreams
    if path := find_cycle(edges, task.id):
        words = _words(path, task, bound_to=bound_to)
        yield _impossible("dependencies", f"These tasks would wait for each other: {words}.", code="cycle")
    if len(edges.keys() | {one for ends in edges.values() for one in ends}) > workflows.MOST_TASKS:
        message = f"The tasks that are joined by dependencies would be more than {workflows.MOST_TASKS:,}."
        yield _impossible("dependencies", message, code="too_many")


def _words(path: Sequence[UUID], task: Task, *, bound_to: str | None) -> str:
    """Return a path by the names of its tasks; one of a namespace that the caller may not see has none."""
    seen = Task.objects.filter(id__in=path[:PATH_SHOWN])
    names = dict((seen if bound_to is None else seen.filter(namespace=bound_to)).values_list("id", "name"))
    names[task.id] = task.name
    shown = [names.get(one, "a task of another namespace") for one in path[:PATH_SHOWN]]
    return " → ".join([*shown, "…"] if len(path) > PATH_SHOWN else shown)


def link(task: Task) -> None:
    """Store what a task depends on, and mark both sides, which `lock` has locked."""
    before = _linked(task.id)
    Dependency.objects.filter(task_id=task.id).delete()
    Dependency.objects.bulk_create(
        Dependency(task_id=task.id, upstream_id=upstream.task_id, condition=upstream.condition, position=position)
        for position, upstream in enumerate(task.upstreams)
    )
    mark(before | {upstream.task_id for upstream in task.upstreams})


def mark(task_ids: Collection[UUID]) -> None:
    """Set on these locked tasks whether others wait for them."""
    waited_for = set(
        Dependency.objects.filter(upstream_id__in=task_ids)
        .exclude(task__status=TaskStatus.DELETED)
        .values_list("upstream_id", flat=True)
    )
    Task.objects.filter(id__in=waited_for, has_dependents=False).update(has_dependents=True)
    Task.objects.filter(id__in=set(task_ids) - waited_for, has_dependents=True).update(has_dependents=False)


def refuse_in_use(task: Task) -> None:
    """Refuse to delete a locked task that others wait for. Raises TaskInUse."""
    if not task.has_dependents:
        return
    waiting = _alive().filter(dependencies__upstream=task).order_by("name", "id")
    names = list(waiting.filter(namespace=task.namespace).values_list("name", flat=True)[:NAMES_SHOWN])
    if count := waiting.count():
        raise TaskInUse(count, names)


def _impossible(field: str, message: str, *, code: str = "impossible") -> Fault:
    return Fault(field, code, message, is_impossible=True)

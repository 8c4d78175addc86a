"""Carries the ends of slots on to the tasks that depend on them: records what follows, lets go what has waited."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg

from scheduler import (
    births,
    claims,
    followups,
    overlaps,
    permits,
    runs,
    transitions,
    upstream_ends,
    upstreams,
    workflows,
)
from scheduler.engine.admission import AWAITING, Admission, Standing, next_look
from scheduler.engine.circuits import CircuitPolicy
from scheduler.engine.gates import gates_of
from scheduler.engine.identity import BACKFILL, dependency_cause, retry_id
from scheduler.engine.states import Reason, Status, TaskStatus, Trigger
from scheduler.engine.workflows import Graph, Mode, Verdict
from scheduler.halving import in_halves
from scheduler.permits import Permits
from scheduler.records import Admitted, Awaiting, DueTask, NewExecution, Ready, UpstreamEnd
from scheduler.runs import Latest, Root

logger = logging.getLogger(__name__)

ENDS_PER_PASS = 500
WOKEN_PER_PASS = 1_000
SLOTS_PER_PASS = 500
# What follows in the run of a backfill goes under fresh work, as the backfill does.
LEAST_PRIORITY = 1
PUT_OFF = timedelta(minutes=1)
# Of the slots of one task that an end makes possible after all, so many are looked at, the newest.
MOST_REVIVED = 100

_PAUSED = Admission(Status.SKIPPED, Reason.PAUSED)


@dataclass(frozen=True, slots=True)
class _Place:
    """A task's place in a run, which an end may open."""

    task_id: UUID
    run_id: UUID


def follow(connection: psycopg.Connection, *, now: datetime) -> int:
    """Record what follows the slots that have ended, and have what waits for them looked at; return how many ends.

    One transaction: where the process dies before the commit the ends are there for another. What follows is held
    for its dependencies until `decide` lets it go; a second copy meets the primary key. An end that cannot be carried
    on stays, and holds up no other. Raises PartitionMissing.
    """

    def put_back(end: UpstreamEnd, error: Exception) -> int:
        logger.error("The end of %s in run %s cannot be carried on.", end.task_id, end.run_id, exc_info=error)
        upstream_ends.put_back(connection, end)
        return 0

    with connection.transaction():
        ends = claims.upstream_ends(connection, limit=ENDS_PER_PASS)
        return sum(in_halves(connection, ends, partial(_follow, connection, now=now), put_back))


def _follow(connection: psycopg.Connection, ends: Sequence[UpstreamEnd], *, now: datetime) -> int:
    dependents = workflows.dependents(connection, {end.task_id for end in ends})
    waits = {(task_id, end) for end in ends for task_id in dependents.get(end.task_id, ())}
    tasks = {task.id: task for task in claims.tasks(connection, {task_id for task_id, _ in waits})}
    _record(connection, waits, tasks, now=now)
    _wake(connection, waits, now=now)
    return len(ends)


def _record(
    connection: psycopg.Connection,
    waits: set[tuple[UUID, UpstreamEnd]],
    tasks: Mapping[UUID, DueTask],
    *,
    now: datetime,
) -> None:
    graph = workflows.above(connection, tasks).graph
    roots = runs.roots(connection, {end.run_id for _, end in waits})
    places = set(_places(connection, waits, graph, roots))
    roots |= runs.roots(connection, {place.run_id for place in places} - roots.keys())
    taken = runs.in_runs(connection, [(place.task_id, place.run_id) for place in places])
    free = [
        place
        for place in places
        if (place.task_id, place.run_id) not in taken
        and place.run_id in roots
        and tasks[place.task_id].status != TaskStatus.DELETED
    ]
    rows = [_born(tasks[place.task_id], roots[place.run_id], now=now) for place in free]
    rows += _revived(connection, taken, tasks, now=now)
    rows += _revived_slots(connection, waits, graph, tasks, now=now)
    transitions.record(connection, sorted(rows, key=lambda row: row.id), now=now)


def _places(
    connection: psycopg.Connection, waits: set[tuple[UUID, UpstreamEnd]], graph: Graph, roots: Mapping[UUID, Root]
) -> Iterator[_Place]:
    """Yield which tasks have a place in which runs: those of the run's root and line, and of ANY in others' runs."""
    others: list[tuple[UUID, UpstreamEnd]] = []
    for task_id, end in waits:
        root, line = roots.get(end.run_id), graph.line(task_id)
        if root is not None and root.task_id in line:
            yield _Place(task_id, end.run_id)
        elif line and graph.nodes[task_id].mode is Mode.ANY:
            others.append((task_id, end))
    yield from _places_of_others(connection, others, graph)


def _places_of_others(
    connection: psycopg.Connection, waits: Sequence[tuple[UUID, UpstreamEnd]], graph: Graph
) -> Iterator[_Place]:
    """Yield the latest runs that ANY may let go on the end of an upstream that is in another one: it need not wait."""
    lines = {task_id: graph.line(task_id) for task_id, _ in waits}
    latest = runs.newest(connection, {line[-1] for line in lines.values()})
    for task_id, end in waits:
        begun = latest.get(lines[task_id][-1])
        if begun is not None and begun.run_id is not None and begun.scheduled_for >= end.scheduled_for:
            yield _Place(task_id, begun.run_id)


def _born(task: DueTask, root: Root, *, now: datetime) -> NewExecution:
    """Return a task's execution in a run: at the slot of the root, under an id of the run, due from now on."""
    cause = dependency_cause(root.run_id, root_cause=root.cause)
    admission = _PAUSED if task.status == TaskStatus.PAUSED else AWAITING
    row = births.fired(
        task, admission, slot=root.scheduled_for, due_at=now, cause=cause, trigger=Trigger.DEPENDENCY, now=now
    )
    return replace(
        row,
        id=retry_id(root.run_id, task_id=task.id, cause=cause, attempt=1),
        run_id=root.run_id,
        priority=LEAST_PRIORITY if cause.startswith(BACKFILL) else row.priority,
    )


def _revived(
    connection: psycopg.Connection,
    taken: Mapping[tuple[UUID, UUID], Latest],
    tasks: Mapping[UUID, DueTask],
    *,
    now: datetime,
) -> list[NewExecution]:
    """Return the next attempts of what was left out for an upstream that has been tried again, and better, since."""
    left_out = [
        one
        for one in taken.values()
        if one.status is Status.SKIPPED and one.reason == Reason.DEPENDENCY and one.run_id is not None
    ]
    if not left_out:
        return []
    verdicts = upstreams.verdicts(connection, left_out)
    return [
        _next(tasks[one.task_id], one, now=now)
        for one, verdict in zip(left_out, verdicts, strict=True)
        if verdict is not Verdict.IMPOSSIBLE
    ]


def _next(task: DueTask, latest: Latest, *, now: datetime) -> NewExecution:
    assert latest.run_id is not None  # noqa: S101 - `_revived` has asked
    row = _born(task, Root(latest.run_id, task.id, latest.cause, latest.scheduled_for), now=now)
    attempt = latest.attempt + 1
    return replace(
        row,
        id=retry_id(latest.execution, task_id=task.id, cause=latest.cause, attempt=attempt),
        cause=latest.cause,
        attempt=attempt,
    )


def _revived_slots(
    connection: psycopg.Connection,
    waits: set[tuple[UUID, UpstreamEnd]],
    graph: Graph,
    tasks: Mapping[UUID, DueTask],
    *,
    now: datetime,
) -> list[NewExecution]:
    """Return the next attempts of tasks' own slots that were left out for an upstream that has ended better since.

    To them they are missed slots: the misfire policy says how many run.
    """
    own = [(task_id, end.task_id, end.scheduled_for) for task_id, end in waits if _keeps_slots(task_id, graph, tasks)]
    left_out = runs.left_out(connection, own, limit=MOST_REVIVED)
    verdicts = upstreams.verdicts(connection, left_out) if left_out else []
    possible: dict[UUID, list[Latest]] = {}
    for one, verdict in zip(left_out, verdicts, strict=True):
        if verdict is not Verdict.IMPOSSIBLE:
            possible.setdefault(one.task_id, []).append(one)
    return [
        _next_of_slot(tasks[task_id], one, now=now)
        for task_id, slots in possible.items()
        for one in sorted(slots, key=lambda one: one.scheduled_for)[-_most_missed(tasks[task_id]) :]
    ]


def _keeps_slots(task_id: UUID, graph: Graph, tasks: Mapping[UUID, DueTask]) -> bool:
    task = tasks[task_id]
    return not graph.line(task_id) and task.status != TaskStatus.DELETED and task.misfire_policy != "SKIP"


def _most_missed(task: DueTask) -> int:
    return task.catch_up_limit if task.misfire_policy == "FIRE_ALL" else 1


def _next_of_slot(task: DueTask, latest: Latest, *, now: datetime) -> NewExecution:
    admission = _PAUSED if task.status == TaskStatus.PAUSED else AWAITING
    row = births.fired(
        task, admission, slot=latest.scheduled_for, due_at=now, cause=latest.cause, trigger=Trigger.DEPENDENCY, now=now
    )
    attempt = latest.attempt + 1
    execution = retry_id(latest.execution, task_id=task.id, cause=latest.cause, attempt=attempt)
    return replace(row, id=execution, attempt=attempt, run_id=latest.run_id)


def _wake(connection: psycopg.Connection, waits: set[tuple[UUID, UpstreamEnd]], *, now: datetime) -> None:
    concerned = claims.concerned(connection, waits, now=now, limit=WOKEN_PER_PASS)
    transitions.hold_again(connection, dict.fromkeys(concerned, now))


def decide(connection: psycopg.Connection, *, now: datetime, low: UUID) -> list[Ready]:
    """Let a batch of slots go whose dependencies are met, ids from `low` on; return what to publish.

    One that cannot be met any more is SKIPPED, which is an end of its own and passed on. What goes meets overlaps and
    limits as a newcomer; what waits on is looked at again, at the latest after a minute: so that a change of the
    definitions, of which nobody tells, is noticed too. So is one that cannot be decided on; it holds up no other.
    """

    def decide_part(rows: Sequence[Awaiting]) -> set[UUID]:
        # Read by each part: what another had taken before it failed is not taken.
        return _decide(connection, rows, locked, permits.lock(connection, keys, now=now), now=now)

    def put_off(row: Awaiting, error: Exception) -> set[UUID]:
        logger.error("Execution %s, whose dependencies may be met, cannot be decided on.", row.id, exc_info=error)
        transitions.hold_again(connection, {row.id: now + PUT_OFF})
        return set()

    tasks, keys = claims.awaited(connection, now=now, low=low, limit=SLOTS_PER_PASS)
    if not tasks:
        return []
    with connection.transaction():
        locked = {task.id: task for task in claims.tasks(connection, tasks)}
        # Locked before the rows, as they are wherever something ends.
        permits.lock(connection, keys, now=now)
        held = claims.awaiting(connection, now=now, low=low, limit=SLOTS_PER_PASS, tasks=tasks, keys=keys)
        queued = set[UUID]().union(*in_halves(connection, held, decide_part, put_off))
    return claims.ready(connection, queued)


def _decide(
    connection: psycopg.Connection,
    held: Sequence[Awaiting],
    tasks: Mapping[UUID, DueTask],
    limits: Permits,
    *,
    now: datetime,
) -> set[UUID]:
    """Decide on locked rows; return which of them are QUEUED."""
    judged = dict(zip((row.id for row in held), upstreams.verdicts(connection, held), strict=True))
    waiting = [row for row in held if judged[row.id] is Verdict.OPEN]
    transitions.hold_again(connection, {row.id: next_look(now, since=row.due_at) for row in waiting})
    impossible = [row.id for row in held if judged[row.id] is Verdict.IMPOSSIBLE]
    transitions.skip(connection, impossible, reason=Reason.DEPENDENCY, now=now)
    met = sorted((row for row in held if judged[row.id] is Verdict.MET), key=_turn)
    return admit(connection, met, tasks, limits, now=now)


def _turn(row: Awaiting) -> tuple[datetime, UUID]:
    return row.scheduled_for, row.id


def admit(
    connection: psycopg.Connection,
    met: Sequence[Awaiting],
    tasks: Mapping[UUID, DueTask],
    limits: Permits,
    *,
    now: datetime,
) -> set[UUID]:
    """Decide on overlaps and limits of locked slots that nothing else holds any more; return which are QUEUED."""
    bound = {row.task_id for row in met if _is_bound(tasks[row.task_id])}
    standings = claims.standings(connection, bound)
    decided = [(row, _admission(row, tasks[row.task_id], standings, limits)) for row in met]
    going = [(row, admission) for row, admission in decided if admission.status is not Status.SKIPPED]
    admitted = [_admitted(row, admission, now=now) for row, admission in going]
    transitions.admit(connection, admitted, now=now)
    permits.use(connection, limits.taken, waiting=limits.waiting, now=now)
    opened = ((row.task_id, births.takes_turns(row.trigger, admission)) for row, admission in going)
    followups.count_opened(connection, [task_id for task_id, is_turn in opened if task_id in bound and not is_turn])
    for reason in (Reason.OVERLAP, Reason.CIRCUIT):
        left_out = [row.id for row, admission in decided if _is_left_out(admission, reason)]
        transitions.skip(connection, left_out, reason=reason, now=now)
    newcomers = {row.task_id: row.id for row, admission in going if admission.cancels}
    cancelled = overlaps.make_room(connection, newcomers, now=now)
    return {one.id for one in admitted if one.status is Status.QUEUED} - cancelled


def _is_left_out(admission: Admission, reason: Reason) -> bool:
    return admission.status is Status.SKIPPED and admission.reason is reason


def _is_bound(task: DueTask) -> bool:
    """Tell whether what the task has open decides on one more execution."""
    return task.overlap_policy != "ALLOW" or task.max_concurrency is not None


def _admission(row: Awaiting, task: DueTask, standings: dict[UUID, Standing], limits: Permits) -> Admission:
    standing = standings.setdefault(row.task_id, Standing())
    keys = gates_of(
        queue=row.queue, task_class=task.task_class, namespace=row.namespace, priority=row.priority,
        uses=task.uses or (),
    )  # fmt: skip
    take = partial(limits.take, keys, skips_circuits=task.circuit_policy == CircuitPolicy.SKIP)
    return standing.admit(task.overlap_policy, row.trigger, limit=task.max_concurrency, take=take)


def _admitted(row: Awaiting, admission: Admission, *, now: datetime) -> Admitted:
    look = births.not_before(admission, row.trigger, due_at=now, now=now)
    return Admitted(row.id, admission.status, admission.reason, look, admission.held_by)

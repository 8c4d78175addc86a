"""Tasks made of a template: made, told what another version would change in them, and given that version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from register import definition, services
from register.api.reading import read_changes, read_new_task
from register.drafting import DEFAULT_NAMESPACE
from register.errors import UNAVAILABLE, AppliedInPart, NameTaken, TemplateNotFound
from register.given import Given
from register.templating import parameters, selectors
from register.templating.services import with_changes, writable
from scheduler import claims, connections
from scheduler.engine.changes import Change, changes, same
from scheduler.engine.templates import filled, growth
from scheduler.errors import Fault, InvalidInput, TaskDeleted, TaskNotFound
from scheduler.models import Instance, Task, Template

MOST_AT_ONCE = 100
SHOWN = 20
# A definition of 64 KiB can name a value of 64 KiB sixteen thousand times. Of one task there is 1 MiB, as everywhere.
MOST_GROWTH = 1024 * 1024

_OVERTAKEN = Fault("", "overtaken", "The template has changed meanwhile: apply its latest version.")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One task that is to be made: the values of the parameters, and where; `place` is where the request says so."""

    values: Json
    namespace: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What a version does to one task: what it changes in the definition, or why it cannot."""

    task: Task
    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change of a template would do: to how many tasks, and to the first of them."""

    template: Template
    is_new_version: bool
    task_count: int
    effects: list[Effect]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of some tasks; `last` is the one after which the next begin, None where there are no more."""

    template: Template
    effects: list[Effect]
    last: UUID | None


def instantiate(
    template_id: UUID, wanted: Sequence[Wanted], *, actor: str, namespace: str | None, now: datetime
) -> list[Task]:
    """Register the tasks, all of them or none, and return them.

    Raises TemplateNotFound, NamespaceForbidden, and InvalidInput with the faults of all, each under its place.
    """
    with transaction.atomic():
        selectors.find(template_id, namespace=namespace)
        if not claims.keep_template(connections.current(), template_id):
            raise TemplateNotFound
        template = selectors.find(template_id, namespace=namespace)
        tasks, faults = [], []
        for one in wanted:
            try:
                with transaction.atomic():
                    tasks.append(_made(template, one, actor=actor, namespace=namespace, now=now))
            except InvalidInput as refusal:
                faults += [_placed(fault, one.place) for fault in refusal.faults]
            except NameTaken as refusal:
                faults.append(_placed(Fault("name", "taken", str(refusal.__doc__), is_impossible=True), one.place))
        if faults:
            raise InvalidInput(faults)
    return tasks


def plan_change(
    template_id: UUID,
    given: Given,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
) -> Plan:
    """Return what `change_template` with the same arguments, then applied, would do to tasks; nothing is written.

    Raises what `change_template` raises.
    """
    template = writable(template_id, namespace=namespace, versions=versions)
    before = [template.parameters, template.definition]
    with_changes(template, given)
    living = selectors.living(template)
    with transaction.atomic():
        effects = [_effect(template, instance, namespace=namespace, now=now) for instance in living[:SHOWN]]
        transaction.set_rollback(True)
    is_new_version = not same(before, [template.parameters, template.definition])
    return Plan(template, is_new_version, living.count(), effects)


def apply_version(template_id: UUID, *, after: UUID | None, namespace: str | None, now: datetime) -> Applied:
    """Give the latest version to some tasks that have not got it, each in a transaction of its own.

    In the order of their ids, those after `after`. A task that it cannot be given to keeps what it has, and is told
    with the reason. If the process dies, the versions tell what is left. Raises TemplateNotFound, NamespaceForbidden;
    where the database fails, AppliedInPart or, if nothing was written, what it raises or PartitionMissing.
    """
    template = writable(template_id, namespace=namespace, versions=None)
    pending = selectors.living(template).filter(version__lt=template.version)
    some = list((pending.filter(task_id__gt=after) if after is not None else pending)[:MOST_AT_ONCE])
    effects: list[Effect] = []
    for instance in some:
        try:
            effects.append(_given(template, instance, namespace=namespace, now=now))
        except UNAVAILABLE as error:
            done = sum(not effect.faults for effect in effects)
            if connection.in_atomic_block or not done:
                raise  # nothing was written
            raise AppliedInPart(done) from error
    last = some[-1].task_id if len(some) == MOST_AT_ONCE else None
    return Applied(template, effects, last)


def _made(template: Template, wanted: Wanted, *, actor: str, namespace: str | None, now: datetime) -> Task:
    values = _checked(template, wanted.values)
    # One of a namespace makes tasks there; one that is shared, where it is asked to.
    home = template.namespace or wanted.namespace or namespace or DEFAULT_NAMESPACE
    if wanted.namespace not in (None, home):
        message = f"This template makes tasks in its own namespace ({template.namespace}) only."
        raise InvalidInput([Fault("namespace", "impossible", message, is_impossible=True)])
    given = read_new_task({"namespace": home} | _filled(template, values))
    given = replace(given, values=given.values | {"template_name": template.name})
    task = services.create_task(given, actor=actor, namespace=namespace, now=now)
    Instance.objects.create(task=task, template=template, version=template.version, values=wanted.values)
    return task


def _checked(template: Template, given: Json) -> Json:
    """Return the values with those that are left out. Raises InvalidInput."""
    values = parameters.completed(template.parameters, given)
    if faults := parameters.value_faults(template.parameters, values):
        raise InvalidInput(faults)
    return values


def _left(template: Template, values: Json) -> Json:
    """Return the values that were given once without those of parameters that there are no more."""
    known = template.parameters.get("properties", {})
    return {name: value for name, value in values.items() if name in known}


def _filled(template: Template, values: Json) -> Json:
    """Return the definition with its parameters filled in. Raises InvalidInput before it takes gigabytes."""
    if growth(template.definition, values) > MOST_GROWTH:
        message = f"Filled in, the definition would grow by more than {MOST_GROWTH:,} characters: send shorter values."
        raise InvalidInput([Fault("parameters", "too_long", message, is_impossible=True)])
    fields: Json = filled(template.definition, values)
    return fields


def _effect(template: Template, instance: Instance, *, namespace: str | None, now: datetime) -> Effect:
    """Change a task as the template has it, inside a transaction that its caller takes back or keeps.

    With the rights of whoever asks: a definition may name tasks of a namespace that he may not see.
    """
    old = definition.definition(instance.task)
    try:
        with transaction.atomic():
            given = read_changes(_filled(template, _checked(template, _left(template, instance.values))))
            task = services.change_task(instance.task_id, given, namespace=namespace, now=now)
    except InvalidInput as refusal:
        return Effect(instance.task, faults=tuple(refusal.faults))
    except (NameTaken, TaskDeleted, TaskNotFound) as refusal:
        return Effect(instance.task, faults=(Fault("", "refused", str(refusal.__doc__)),))
    return Effect(task, tuple(changes(old, definition.definition(task))))


def _given(template: Template, instance: Instance, *, namespace: str | None, now: datetime) -> Effect:
    with transaction.atomic():
        # A version that was made meanwhile may have been given to it already: it would come after this one.
        claims.keep_template(connections.current(), template.id)
        if not Template.objects.filter(id=template.id, version=template.version, deleted_at=None).exists():
            return Effect(instance.task, faults=(_OVERTAKEN,))
        effect = _effect(template, instance, namespace=namespace, now=now)
        if not effect.faults:
            Instance.objects.filter(task_id=instance.task_id).update(version=template.version)
    return effect


def _placed(fault: Fault, place: str) -> Fault:
    return replace(fault, field=f"{place}.{fault.field}" if place and fault.field else place or fault.field)

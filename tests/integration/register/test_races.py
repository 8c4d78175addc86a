"""Two requests at once, on two connections."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from register import executing, operating, services, validating
from register.access import create_token, revoke_token
from register.api.reading import read_changes, read_new_task, read_pause, read_resume
from register.errors import (
    NameTaken,
    NotRetryable,
    TemplateInUse,
    TemplateNotFound,
    TokenNotFound,
    VersionStale,
)
from register.given import Given
from register.templating import instances
from register.templating import services as templates
from scheduler import clock, connections, firing, sweep, transitions
from scheduler.errors import TaskNotFound
from scheduler.models import AuditRecord, Execution, Handler, Instance, Revision, Task, Template

pytestmark = pytest.mark.django_db(transaction=True)

Verb = Callable[[], Any]


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """Runs the verbs at the same time, each on a connection of its own; returns what they return or raise."""
    with ThreadPoolExecutor(max_workers=4) as threads:

        def run(*verbs: Verb) -> list[Any]:
            barrier = Barrier(len(verbs))
            return list(threads.map(lambda verb: _run(verb, barrier), verbs))

        yield run


def _run(verb: Verb, barrier: Barrier) -> Any:
    try:
        connection.ensure_connection()
        barrier.wait(timeout=10)
        return verb()
    except Exception as error:  # noqa: BLE001 - what was raised is what the test looks at
        return type(error)
    finally:
        connection.close()


@pytest.fixture
def noop() -> None:
    """The catalogue of these tests."""
    Handler.objects.create(task_class="platform.noop", node_id="worker-1", seen_at=clock.now())


@pytest.fixture
def task(noop: None) -> Task:
    """Registered 90 s ago with an interval of 60 s: one slot is due."""
    return _create("Racy", at=clock.now() - timedelta(seconds=90), intervalSeconds=60)


def _create(name: str, *, at: datetime | None = None, **fields: Any) -> Task:
    given = read_new_task({"name": name, "taskClass": "platform.noop"} | fields)
    return services.create_task(given, actor="edda", namespace=None, now=at or clock.now())


def _change(task: Task, *, versions: frozenset[int] | None = None, **fields: Any) -> Task:
    return services.change_task(task.id, read_changes(fields), namespace=None, versions=versions, now=clock.now())


@pytest.mark.parametrize("attempt", range(5))
def test_two_creations_of_one_name_leave_one(noop: None, at_once: Callable[..., list[Any]], attempt: int) -> None:
    outcomes = at_once(*[lambda: _create("Twin")] * 4)

    assert outcomes.count(NameTaken) == 3
    assert Task.objects.count() == 1


def test_two_changes_of_one_version_leave_one(task: Task, at_once: Callable[..., list[Any]]) -> None:
    one = frozenset({1})

    outcomes = at_once(lambda: _change(task, versions=one, priority=1), lambda: _change(task, versions=one, priority=2))

    assert outcomes.count(VersionStale) == 1
    assert Task.objects.get().version == 2


def test_two_changes_of_different_fields_both_last(task: Task, at_once: Callable[..., list[Any]]) -> None:
    at_once(lambda: _change(task, priority=1), lambda: _change(task, description="new"))

    task.refresh_from_db()
    assert (task.priority, task.description, task.version) == (1, "new", 3)


def test_two_deletions_leave_one_that_found_it(task: Task, at_once: Callable[..., list[Any]]) -> None:
    delete = lambda: services.delete_task(task.id, namespace=None, now=clock.now())  # noqa: E731

    assert at_once(delete, delete).count(TaskNotFound) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_a_change_and_a_claim_record_a_due_slot_once(
    task: Task, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    at_once(
        lambda: _change(task, intervalSeconds=3600),
        lambda: firing.claim(connections.current(), now=clock.now()),
    )

    assert Execution.objects.count() == 1
    task.refresh_from_db()
    assert task.next_slot_for == task.created_at + timedelta(hours=1)


@pytest.mark.parametrize("attempt", range(5))
def test_a_deletion_and_a_claim_leave_nothing_waiting(
    task: Task, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    at_once(
        lambda: services.delete_task(task.id, namespace=None, now=clock.now()),
        lambda: firing.claim(connections.current(), now=clock.now()),
    )

    assert set(Execution.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert Task.objects.get().claim_at is None


def _pause(task: Task) -> Any:
    return operating.pause_task(task.id, read_pause({}), actor="olaf", namespace=None, now=clock.now())


def _resume(task: Task) -> Any:
    return operating.resume_task(task.id, read_resume({}), namespace=None, now=clock.now())


@pytest.mark.parametrize("attempt", range(5))
def test_a_pause_and_a_claim_record_a_due_slot_once(
    task: Task, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    at_once(lambda: _pause(task), lambda: firing.claim(connections.current(), now=clock.now()))

    assert Execution.objects.count() == 1
    task.refresh_from_db()
    assert (task.status, task.claim_at) == ("PAUSED", None)


@pytest.mark.parametrize("attempt", range(5))
def test_two_resumes_and_a_sweep_record_a_pause_once(
    task: Task, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    Task.objects.update(status="PAUSED", claim_at=None, paused_until=clock.now())

    at_once(lambda: _resume(task), lambda: _resume(task), lambda: sweep.resume(connections.current(), now=clock.now()))

    assert list(Execution.objects.values_list("status", "reason")) == [("SKIPPED", "paused")]
    task.refresh_from_db()
    assert (task.status, task.claim_at) == ("ACTIVE", task.created_at + timedelta(seconds=120))


@pytest.mark.parametrize("attempt", range(5))
def test_a_cancel_and_a_start_leave_it_cancelled_or_asked(
    task: Task, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    execution = operating.trigger_task(task.id, Given({}), namespace=None, now=clock.now())

    _, started = at_once(
        lambda: executing.cancel_execution(execution.id, actor="olaf", namespace=None, now=clock.now()),
        lambda: transitions.start(
            connections.current(), execution.id, node_id="node-1", lease_expires_at=clock.now(), now=clock.now()
        ),
    )

    execution.refresh_from_db()
    is_asked = execution.cancel_requested_at is not None
    assert (execution.status, is_asked, started is None) in {("CANCELLED", False, True), ("RUNNING", True, False)}


@pytest.mark.parametrize("attempt", range(5))
def test_two_retries_by_hand_leave_one(task: Task, at_once: Callable[..., list[Any]], attempt: int) -> None:
    execution = operating.trigger_task(task.id, Given({}), namespace=None, now=clock.now())
    Execution.objects.update(status="FAILED")
    retry = lambda: executing.retry_execution(execution.id, namespace=None, now=clock.now())  # noqa: E731

    assert at_once(retry, retry).count(NotRetryable) == 1
    assert Execution.objects.count() == 2


@pytest.mark.parametrize("attempt", range(5))
def test_a_validation_and_claims_record_a_due_slot_once(
    task: Task, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    claim = lambda: firing.claim(connections.current(), now=clock.now())  # noqa: E731
    edit = lambda: validating.edit(task.id, read_changes({"priority": 1}), namespace=None, now=clock.now())  # noqa: E731

    at_once(edit, claim)
    claim()

    assert Execution.objects.count() == 1
    task.refresh_from_db()
    assert (task.version, task.priority) == (1, 5)


def test_a_validation_holds_no_other_task_up(
    task: Task, at_once: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _create("Other", at=clock.now() - timedelta(seconds=90), intervalSeconds=60)
    recorded: list[Any] = []

    def change_and_claim(*args: Any, **kwargs: Any) -> Task:
        [claimed] = at_once(lambda: firing.claim(connections.current(), now=clock.now()))
        recorded.extend(row.task_id for row in claimed.recorded)
        return change(*args, **kwargs)

    change = services.change_task
    monkeypatch.setattr(services, "change_task", change_and_claim)

    validating.edit(task.id, read_changes({"priority": 1}), namespace=None, now=clock.now())

    assert recorded == [other.id]
    assert [row.task_id for row in firing.claim(connections.current(), now=clock.now()).recorded] == [task.id]


def test_each_of_two_changes_leaves_its_revision_and_its_record(task: Task, at_once: Callable[..., list[Any]]) -> None:
    at_once(lambda: _change(task, priority=1), lambda: _change(task, labels={"a": "b"}))

    kept = Revision.objects.filter(task=task).order_by("version")
    last = kept.last()
    assert [revision.version for revision in kept] == [1, 2, 3]
    assert last is not None
    assert (last.definition["priority"], last.definition["labels"]) == (1, {"a": "b"})
    changes = AuditRecord.objects.filter(object_id=task.id, verb="change")
    assert set(changes.values_list("version", flat=True)) == {2, 3}


def test_two_revocations_of_one_token_leave_one_record(at_once: Callable[..., list[Any]]) -> None:
    now = clock.now()
    token, _ = create_token("ci", role="viewer", now=now)
    revoke = partial(revoke_token, token.id, actor="ada", namespace=None, now=now)

    outcomes = at_once(revoke, revoke)

    assert outcomes.count(TokenNotFound) == 1
    assert AuditRecord.objects.filter(verb="revoke").count() == 1


@pytest.fixture
def template(noop: None) -> Template:
    """Makes tasks that do nothing."""
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    definition = {"name": "Task ${n}", "taskClass": "platform.noop"}
    given = Given({"name": "noop", "parameters": parameters, "definition": definition})
    return templates.create_template(given, actor="edda", namespace=None, now=clock.now())


def _instantiate(template: Template, number: int) -> list[Task]:
    wanted = [instances.Wanted({"n": number}, None, "")]
    return instances.instantiate(template.id, wanted, actor="edda", namespace=None, now=clock.now())


@pytest.mark.parametrize("attempt", range(5))
def test_a_template_is_deleted_or_has_a_task(
    template: Template, at_once: Callable[..., list[Any]], attempt: int
) -> None:
    def delete() -> None:
        templates.delete_template(template.id, namespace=None, now=clock.now())

    made, deleted = at_once(lambda: _instantiate(template, 1), delete)

    assert (made is TemplateNotFound) != (deleted is TemplateInUse)
    assert Task.objects.count() == (0 if deleted is None else 1)


def test_a_version_that_two_apply_changes_each_task_once(template: Template, at_once: Callable[..., list[Any]]) -> None:
    task = _instantiate(template, 1)[0]
    changed = Given({"definition": template.definition | {"priority": 9}})
    templates.change_template(template.id, changed, namespace=None, now=clock.now())
    apply = partial(instances.apply_version, template.id, after=None, namespace=None, now=clock.now())

    at_once(apply, apply)

    assert Revision.objects.filter(task=task).count() == 2
    assert Instance.objects.get(task=task).version == 2

"""Two requests at once, on two connections: calendars."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from register import services as tasks
from register.api.reading import read_changes, read_new_task
from register.calendars import services
from register.errors import CalendarInUse, CalendarNameTaken, CalendarNotFound, VersionStale
from register.given import Given
from scheduler import clock, connections, firing, reschedule
from scheduler.errors import InvalidInput
from scheduler.models import Calendar, Execution, Task
from tests.integration.register.calendars.conftest import create, edit
from tests.integration.register.test_races import at_once, noop

__all__ = ["at_once", "noop"]

pytestmark = pytest.mark.django_db(transaction=True)

AtOnce = Callable[..., list[Any]]


@pytest.fixture
def calendar(noop: None) -> Calendar:
    """A calendar that excludes nothing."""
    return create("Bavaria", at=clock.now(), rules={})


def _register(**fields: Any) -> Task:
    body = {"name": "Daily", "taskClass": "platform.noop", "calendar": "Bavaria"} | fields
    return tasks.create_task(read_new_task(body), actor="edda", namespace=None, now=clock.now())


def _delete(calendar: Calendar) -> None:
    services.delete_calendar(calendar.id, namespace=None, now=clock.now())


@pytest.mark.parametrize("attempt", range(5))
def test_two_creations_of_one_name_leave_one(db: None, at_once: AtOnce, attempt: int) -> None:
    outcomes = at_once(*[lambda: create("Twin", at=clock.now())] * 4)

    assert outcomes.count(CalendarNameTaken) == 3
    assert Calendar.objects.count() == 1


def test_two_changes_of_one_version_leave_one(calendar: Calendar, at_once: AtOnce) -> None:
    def change(day: str) -> Calendar:
        given = Given({"rules": {"weekdays": [day]}})
        return services.change_calendar(calendar.id, given, namespace=None, versions=frozenset({1}), now=clock.now())

    outcomes = at_once(lambda: change("SAT"), lambda: change("SUN"))

    assert outcomes.count(VersionStale) == 1
    assert Calendar.objects.get().version == 2


def test_two_changes_of_different_fields_both_last(calendar: Calendar, at_once: AtOnce) -> None:
    at_once(
        lambda: edit(calendar, at=clock.now(), description="new"),
        lambda: edit(calendar, at=clock.now(), rules={"weekdays": ["SUN"]}),
    )

    calendar.refresh_from_db()
    assert (calendar.description, calendar.rules) == ("new", {"weekdays": ["SUN"]})


def test_two_deletions_leave_one_that_found_it(calendar: Calendar, at_once: AtOnce) -> None:
    assert at_once(lambda: _delete(calendar), lambda: _delete(calendar)).count(CalendarNotFound) == 1


@pytest.mark.parametrize("attempt", range(10))
def test_a_deletion_and_a_registration_leave_no_task_without_its_calendar(
    calendar: Calendar, at_once: AtOnce, attempt: int
) -> None:
    deleted, registered = at_once(lambda: _delete(calendar), _register)

    calendar.refresh_from_db()
    outcome = (deleted, registered is InvalidInput, calendar.deleted_at is None, Task.objects.count())
    assert outcome in [(CalendarInUse, False, True, 1), (None, True, False, 0)]


@pytest.mark.parametrize("attempt", range(10))
def test_a_deletion_and_a_change_leave_no_task_without_its_calendar(
    calendar: Calendar, at_once: AtOnce, attempt: int
) -> None:
    task = _register(calendar=None)

    deleted, changed = at_once(
        lambda: _delete(calendar),
        lambda: tasks.change_task(task.id, read_changes({"calendar": "Bavaria"}), namespace=None, now=clock.now()),
    )

    calendar.refresh_from_db()
    outcome = (deleted, changed is InvalidInput, calendar.deleted_at is None)
    assert outcome in [(CalendarInUse, False, True), (None, True, False)]


@pytest.mark.parametrize("attempt", range(5))
def test_an_edit_and_a_registration_leave_a_task_by_the_new_rules(
    calendar: Calendar, at_once: AtOnce, attempt: int
) -> None:
    tomorrow = (clock.now() + timedelta(days=1)).date()
    rules = {"dates": [{"from": str(tomorrow - timedelta(days=1)), "to": str(tomorrow + timedelta(days=1))}]}

    at_once(
        lambda: edit(calendar, at=clock.now(), rules=rules),
        lambda: _register(cronExpression="0 0 12 * * ?", calendarPolicy="NEXT_OPEN"),
    )
    reschedule.reschedule(connections.current(), now=clock.now())

    slot = Task.objects.get().next_slot_for
    assert slot is not None
    assert slot.date() == tomorrow + timedelta(days=2)


@pytest.mark.parametrize("attempt", range(5))
def test_an_edit_and_a_claim_record_a_slot_once_and_go_on_by_the_new_rules(
    calendar: Calendar, at_once: AtOnce, attempt: int
) -> None:
    _register(cronExpression="0 0 12 * * ?", calendarPolicy="NEXT_OPEN")
    due = clock.now() - timedelta(seconds=1)
    Task.objects.update(next_slot_for=due, claim_at=due)
    today = clock.now().date()
    rules = {"dates": [{"from": str(today + timedelta(days=1)), "to": str(today + timedelta(days=2))}]}
    edit(calendar, at=clock.now(), rules={"dates": [str(today + timedelta(days=1))]})

    at_once(
        lambda: edit(calendar, at=clock.now(), rules=rules),
        lambda: firing.claim(connections.current(), now=clock.now()),
    )
    reschedule.reschedule(connections.current(), now=clock.now())

    assert Execution.objects.count() == 1
    task = Task.objects.get()
    assert task.calendar_version == 3
    assert task.next_slot_for is not None
    assert task.next_slot_for.date() in {today, today + timedelta(days=3)}

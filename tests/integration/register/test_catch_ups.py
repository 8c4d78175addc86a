"""POST /api/v1/operations/{id}/approve, /throttle and /drop: what operators do about a catch-up."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from scheduler.models import AuditRecord, Operation
from tests.integration.conftest import Caller

ARGUMENTS = {"group": "payments", "groupBy": "namespace", "maxPerSecond": 10}


@pytest.fixture
def held(now: datetime) -> Operation:
    """A catch-up of payments that waits for approval."""
    return Operation.objects.create(
        kind="CATCH_UP", status="HELD", namespace="payments", arguments=ARGUMENTS, position=now, total_count=600,
        done_count=100, created_at=now - timedelta(seconds=9),
    )  # fmt: skip


def post(caller: Caller, operation: Operation, verb: str, body: Any = None) -> Any:
    return caller.send("post", f"operations/{operation.id}/{verb}", body or {})


def test_it_is_an_operation_with_progress(viewer: Caller, held: Operation) -> None:
    answer = viewer.send("get", f"operations/{held.id}").json()

    assert (answer["kind"], answer["status"], answer["arguments"], answer["progress"]) == (
        "CATCH_UP", "HELD", ARGUMENTS, 0.1667
    )  # fmt: skip
    assert answer["counts"] == {"total": 600, "done": 100, "failed": 0, "skipped": 0, "running": 500}


@pytest.mark.parametrize(("status", "progress"), [("PENDING", 0), ("COMPLETED", 1)])
def test_one_that_finds_nothing_to_do_is_done_once_it_has_looked(
    viewer: Caller, held: Operation, status: str, progress: int
) -> None:
    Operation.objects.filter(id=held.id).update(status=status, total_count=0, done_count=0)

    assert viewer.send("get", f"operations/{held.id}").json()["progress"] == progress


def test_an_operator_approves_it(operator: Caller, held: Operation) -> None:
    answer = post(operator, held, "approve")

    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    assert answer.json()["arguments"]["approvedBy"] == "olaf"
    assert answer.json()["arguments"]["approvedAt"].endswith("Z")
    assert post(operator, held, "approve").json() == answer.json()
    assert AuditRecord.objects.filter(object_id=str(held.id)).count() == 1


def test_an_operator_throttles_it_and_its_estimate_follows(operator: Caller, held: Operation, now: datetime) -> None:
    Operation.objects.filter(id=held.id).update(status="RUNNING", started_at=now)
    first = post(operator, held, "throttle", {"maxPerSecond": 100}).json()
    then = post(operator, held, "throttle", {"maxPerSecond": 2.5}).json()

    assert (first["arguments"]["maxPerSecond"], then["arguments"]["maxPerSecond"]) == (100, 2.5)
    assert first["estimatedEndAt"] < then["estimatedEndAt"]
    assert post(operator, held, "throttle", {"maxPerSecond": 0}).json()["estimatedEndAt"] is None


@pytest.mark.parametrize("verb", ["drop", "abort"])
def test_an_operator_drops_the_rest(operator: Caller, held: Operation, verb: str) -> None:
    answer = post(operator, held, verb)

    assert (answer.status_code, answer.json()["abortRequestedAt"] is not None) == (202, True)


@pytest.mark.parametrize("body", [{}, {"maxPerSecond": -1}, {"maxPerSecond": "many"}, {"perSecond": 1}])
def test_a_bad_rate_is_told_and_changes_nothing(operator: Caller, held: Operation, body: Any) -> None:
    answer = post(operator, held, "throttle", body)
    held.refresh_from_db()

    assert (answer.status_code, held.arguments) == (400, ARGUMENTS)


@pytest.mark.parametrize(("verb", "body"), [("approve", {}), ("throttle", {"maxPerSecond": 1}), ("drop", {})])
def test_what_has_ended_or_is_no_catch_up_is_a_conflict(
    operator: Caller, held: Operation, now: datetime, verb: str, body: Any
) -> None:
    Operation.objects.filter(id=held.id).update(status="COMPLETED")
    action = Operation.objects.create(id=uuid4(), kind="BULK_ACTION", arguments={}, created_at=now)

    assert [post(operator, one, verb, body).status_code for one in (held, action)] == [409, 409]


@pytest.mark.parametrize(("verb", "body"), [("approve", {}), ("throttle", {"maxPerSecond": 1}), ("drop", {})])
def test_viewers_and_other_namespaces_may_not(
    viewer: Caller, payments_editor: Caller, held: Operation, verb: str, body: Any
) -> None:
    Operation.objects.filter(id=held.id).update(namespace="default")

    assert [post(one, held, verb, body).status_code for one in (viewer, payments_editor)] == [403, 404]

"""`listensTo`: given, answered, kept with the definition, refused."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.models import Revision, Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("handlers")

ARRIVED = {"event": "file.arrived", "match": {"bucket": "in"}}


def _post(caller: Caller, **fields: Any) -> Any:
    return caller.send("post", "tasks", {"name": "load", "taskClass": "platform.noop"} | fields)


def test_it_is_answered_as_given(editor: Caller) -> None:
    answer = _post(editor, listensTo=[ARRIVED])

    assert (answer.status_code, answer.json()["listensTo"]) == (201, [ARRIVED])
    assert editor.send("get", f"tasks/{answer.json()['id']}").json()["listensTo"] == [ARRIVED]


def test_without_a_match_it_is_any_event_of_the_name(editor: Caller) -> None:
    assert _post(editor, listensTo=[{"event": "x"}]).json()["listensTo"] == [{"event": "x", "match": {}}]


def test_one_that_stands_twice_counts_once(editor: Caller) -> None:
    assert _post(editor, listensTo=[ARRIVED, ARRIVED]).json()["listensTo"] == [ARRIVED]


def test_a_task_listens_to_nothing_by_default(editor: Caller) -> None:
    assert _post(editor).json()["listensTo"] == []


def test_a_change_is_a_new_version_that_is_kept(editor: Caller) -> None:
    made = _post(editor, listensTo=[ARRIVED]).json()

    changed = editor.send("patch", f"tasks/{made['id']}", {"listensTo": []}).json()

    assert (changed["version"], changed["listensTo"]) == (2, [])
    assert Revision.objects.get(version=1).definition["listens_to"] == [ARRIVED]


@pytest.mark.parametrize(("old", "new"), [(1, True), (True, 1), (0, False)])
def test_true_is_another_value_than_one(editor: Caller, old: Any, new: Any) -> None:
    both = [{"event": "a", "match": {"dry": value}} for value in (old, new)]
    made = _post(editor, listensTo=both[:1]).json()

    by_change = editor.send("patch", f"tasks/{made['id']}", {"listensTo": both[1:]}).json()
    record = {"name": "load", "taskClass": "platform.noop", "listensTo": both[:1]}
    by_upsert = editor.send("post", "tasks/bulk", {"mode": "upsert", "tasks": [record]}).json()
    of_both = editor.send("patch", f"tasks/{made['id']}", {"listensTo": both}).json()

    assert (by_change["version"], by_upsert["updated"], of_both["version"]) == (2, 1, 4)
    assert [type(one["match"]["dry"]) for one in of_both["listensTo"]] == [type(old), type(new)]


def test_a_restored_version_listens_again(editor: Caller) -> None:
    made = _post(editor, listensTo=[ARRIVED]).json()
    editor.send("patch", f"tasks/{made['id']}", {"listensTo": []})

    answer = editor.send("post", f"tasks/{made['id']}/revisions/1/restore")

    assert answer.json()["listensTo"] == [ARRIVED]


def test_what_is_sent_back_changes_nothing(editor: Caller) -> None:
    made = _post(editor, listensTo=[ARRIVED]).json()

    assert editor.send("patch", f"tasks/{made['id']}", {"listensTo": made["listensTo"]}).json()["version"] == 1


def test_a_clone_listens_too(editor: Caller) -> None:
    made = _post(editor, listensTo=[ARRIVED]).json()

    answer = editor.send("post", f"tasks/{made['id']}/clone", {"name": "other"})

    assert answer.json()["listensTo"] == [ARRIVED]


def test_bulk_registers_it(editor: Caller) -> None:
    record = {"name": "load", "taskClass": "platform.noop", "listensTo": [{"event": "x"}]}

    first = editor.send("post", "tasks/bulk", {"mode": "upsert", "tasks": [record]}).json()
    again = editor.send("post", "tasks/bulk", {"mode": "upsert", "tasks": [record]}).json()

    assert (first["created"], again["unchanged"]) == (1, 1)
    assert Task.objects.get().listens_to == [{"event": "x", "match": {}}]


def test_validate_knows_it(editor: Caller) -> None:
    body = {"name": "load", "taskClass": "platform.noop", "listensTo": [ARRIVED]}

    answer = editor.send("post", "tasks/validate", body)

    assert (answer.status_code, answer.json()["task"]["listensTo"]) == (200, [ARRIVED])


DEEP: Any = {}
for _ in range(10):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("listens_to", "field"),
    [
        (None, "listensTo"),
        ("x", "listensTo"),
        ({}, "listensTo"),
        ([{"event": f"e{number}"} for number in range(21)], "listensTo"),
        (["x"], "listensTo[0]"),
        ([{}], "listensTo[0].event"),
        ([ARRIVED, {"match": {}}], "listensTo[1].event"),
        ([{"event": None}], "listensTo[0].event"),
        ([{"event": 5}], "listensTo[0].event"),
        ([{"event": ""}], "listensTo[0].event"),
        ([{"event": "a\nb"}], "listensTo[0].event"),
        ([{"event": "x" * 256}], "listensTo[0].event"),
        ([{"event": "x", "matches": {}}], "listensTo[0].matches"),
        ([{"event": "x", "match": None}], "listensTo[0].match"),
        ([{"event": "x", "match": []}], "listensTo[0].match"),
        ([{"event": "x", "match": "a"}], "listensTo[0].match"),
        ([{"event": "x", "match": {"a": "x" * 5000}}], "listensTo[0].match"),
        ([{"event": "x", "match": {"a": "\0"}}], "listensTo[0].match"),
        ([{"event": "x", "match": {"\0": 1}}], "listensTo[0].match"),
        ([{"event": "x", "match": {"a": [10**40]}}], "listensTo[0].match"),
    ],
)
@pytest.mark.parametrize("is_change", [False, True])
def test_it_refuses(
    editor: Caller, new_task: Callable[..., Task], listens_to: Any, field: str, is_change: bool
) -> None:
    task = new_task()
    if is_change:
        answer = editor.send("patch", f"tasks/{task.id}", {"listensTo": listens_to})
    else:
        answer = _post(editor, listensTo=listens_to)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])
    assert Task.objects.get().version == 1


@pytest.mark.parametrize(
    "match", [{"a": None}, {"a": 2**63 - 1}, {"a": 1.5e300}, {"": True}, {"ä": ["😀", {"b": []}]}, DEEP]
)
def test_it_takes_any_plain_match(editor: Caller, match: Any) -> None:
    answer = _post(editor, listensTo=[{"event": "Größe: 1", "match": match}])

    assert answer.json()["listensTo"] == [{"event": "Größe: 1", "match": match}]

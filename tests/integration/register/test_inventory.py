"""GET /api/v1/handlers and /api/v1/nodes."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from scheduler.models import Handler, Node
from tests.integration.conftest import Caller


def test_it_lists_the_catalogue(viewer: Caller, handlers: dict[str, Handler]) -> None:
    answer = viewer.send("get", "handlers").json()

    assert [handler["taskClass"] for handler in answer["content"]] == sorted(handlers)
    assert answer["totalElements"] == 4


def test_an_empty_catalogue_is_an_empty_page(viewer: Caller) -> None:
    assert viewer.send("get", "handlers").json() == {
        "content": [], "page": 0, "size": 1, "totalElements": 0, "totalPages": 0, "isTotalEstimated": False,
        "nextCursor": None,
    }  # fmt: skip


@pytest.fixture
def nodes(now: datetime) -> list[Node]:
    """One that beats, and one of the day before yesterday."""
    beats = (now, now - timedelta(days=2))
    return Node.objects.bulk_create(
        Node(id=UUID(int=number), role="worker", hostname="host", pid=number, started_at=beat, heartbeat_at=beat)
        for number, beat in enumerate(beats, 1)
    )


def test_it_lists_the_nodes_that_beat(viewer: Caller, nodes: list[Node]) -> None:
    assert [node["pid"] for node in viewer.send("get", "nodes").json()["content"]] == [1]


@pytest.mark.parametrize(
    ("query", "pids"),
    [("role=worker", [1, 3]), ("role=web", []), ("silent=true", [3]), ("silent=false&role=worker", [1])],
)
def test_it_lists_nodes_of_a_role_that_beat_or_are_silent(
    viewer: Caller, nodes: list[Node], now: datetime, query: str, pids: list[int]
) -> None:
    silent = now - timedelta(seconds=16)
    Node.objects.create(id=UUID(int=3), role="worker", hostname="h", pid=3, started_at=silent, heartbeat_at=silent)

    assert [node["pid"] for node in viewer.send("get", f"nodes?{query}").json()["content"]] == pids


def test_who_has_ended_neither_beats_nor_is_silent(viewer: Caller, now: datetime) -> None:
    beat = now - timedelta(seconds=16)
    Node.objects.create(
        id=UUID(int=3), role="worker", hostname="h", pid=3, started_at=beat, heartbeat_at=beat, ended_at=now
    )
    pages = [viewer.send("get", f"nodes{query}").json()["content"] for query in ("", "?silent=true", "?silent=false")]

    assert ([node["endedAt"] is not None for node in pages[0]], pages[1:]) == ([True], [[], []])


@pytest.mark.parametrize(
    ("query", "field"), [("role=cook", "role"), ("silent=maybe", "silent"), ("role=worker&role=web", "role")]
)
def test_nodes_of_no_such_kind_are_refused(viewer: Caller, query: str, field: str) -> None:
    answer = viewer.send("get", f"nodes?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("path", ["handlers", "nodes"])
def test_a_parameter_that_is_none_is_refused(viewer: Caller, path: str) -> None:
    answer = viewer.send("get", f"{path}?page=7")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "page")

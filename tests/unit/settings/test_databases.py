"""How a web process waits for a server that does not answer any more."""

from typing import Any

import pytest

from platform_scheduler.settings.environment import database


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options of a database whose URL ends in a query."""

    def of(query: str) -> dict[str, Any]:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://user:secret@db-1:5432,db-2:5432/platform?{query}")
        options: dict[str, Any] = database("DATABASE_URL", pool_size=8)["OPTIONS"]
        return options

    return of


def test_a_connection_that_hangs_is_given_up_after_five_seconds(options: Any) -> None:
    found = options("target_session_attrs=read-write")

    assert (found["connect_timeout"], found["tcp_user_timeout"], found["pool"]["timeout"]) == (5, 5000, 5)
    assert found["keepalives_idle"] + found["keepalives_interval"] * found["keepalives_count"] <= 11
    assert found["target_session_attrs"] == "read-write"


def test_the_url_may_say_otherwise(options: Any) -> None:
    found = options("tcp_user_timeout=60000&application_name=mine")

    assert (found["tcp_user_timeout"], found["application_name"]) == ("60000", "mine")

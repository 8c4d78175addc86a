"""/health/live and /health/ready."""

from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from platform_scheduler import __version__, health


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health._Migrated, "known", False)


def test_it_lives_without_a_database(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "up", "version": __version__}


def test_it_is_ready_when_all_is_there(db: None, client: Client) -> None:
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": "up", "migrations": "applied"})


def test_it_is_not_ready_before_the_migrations(db: None, client: Client) -> None:
    recorder = MigrationRecorder(connection)
    latest = recorder.migration_qs.filter(app="scheduler").latest("name").name
    recorder.record_unapplied("scheduler", latest)

    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["checks"]["migrations"]) == (503, "missing")
    assert int(answer["Retry-After"]) > 0


def test_it_is_not_ready_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "cursor", Mock(side_effect=OperationalError("down")))

    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "down")


def test_it_looks_for_migrations_until_it_has_seen_them(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.get("/health/ready")
    monkeypatch.setattr(health, "MigrationExecutor", Mock(side_effect=AssertionError))

    assert client.get("/health/ready").status_code == 200


def test_nobody_writes_to_it(client: Client) -> None:
    assert client.post("/health/live").status_code == 405


def test_it_answers_no_other_method(client_with_csrf_checks: Client) -> None:
    assert client_with_csrf_checks.post("/health/live").status_code == 405


@pytest.fixture
def client_with_csrf_checks() -> Client:
    return Client(enforce_csrf_checks=True)

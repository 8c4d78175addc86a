"""`manage.py doctor`: what it finds, what it says of it, and what a pipeline gets."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
from celery import current_app
from django.core.management import call_command
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from platform_scheduler import doctor
from platform_scheduler.doctor import Level, broker, database
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.settings.environment import critical_only
from scheduler import neighbours
from scheduler.broker import Broker
from scheduler.connections import current
from scheduler.models import Handler, Lease, Node, SlotAudit, Task
from tests.hot_paths import MINUTE, SECOND, queue_one, store

__all__ = ["store"]

ROOT = Path(__file__).parents[3]
Levels = Callable[[], dict[str, Level]]


@pytest.fixture
def levels(db: None) -> Levels:
    """Examines, and returns how bad each thing is by its name."""
    return lambda: {one.name: one.level for one in doctor.examine()}


def add_node(role: str, *, now: datetime, version: str = "1.0") -> None:
    Node.objects.create(
        id=uuid4(), role=role, hostname="here", pid=1, version=version, started_at=now, heartbeat_at=now
    )


@pytest.fixture
def healthy(
    now: datetime, handlers: dict[str, Handler], tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two schedulers, a worker, a lease, an audit; a folder of its own for what is private."""
    # The tests' servers are thrown away, and wait for no disk; one from outside may do without its vacuum.
    kept = tuple(rule for rule in database._RULES if rule[0] not in ("fsync", "full_page_writes", "autovacuum"))
    monkeypatch.setattr(database, "_RULES", kept)
    settings.DATA_DIR, settings.BACKUP_DIR, settings.ALLOWED_HOSTS = tmp_path, None, ["127.0.0.1"]
    for role in ("scheduler", "scheduler", "worker"):
        add_node(role, now=now)
    Lease.objects.create(name="beat", holder=uuid4(), epoch=1, expires_at=now + MINUTE)
    SlotAudit.objects.create(begin=now - 10 * MINUTE, until=now, started_at=now, finished_at=now, expected=10)


def test_a_healthy_platform_has_nothing_wrong(healthy: None, levels: Levels):
    found = levels()
    assert [name for name, level in found.items() if level is Level.ERROR] == []
    assert len(found) > 30
    assert {name for name, level in found.items() if level is Level.WARNING} <= {
        "files.backup", "broker.persistence", "database.max_connections", "database.max_locks_per_transaction",
    }  # fmt: skip


def test_it_misses_schedulers_workers_and_the_lease(db: None, levels: Levels):
    found = levels()
    assert found["platform.schedulers"] is found["platform.workers"] is Level.ERROR


def test_without_a_worker_it_says_where_to_look_for_why(db: None):
    [finding] = [one for one in doctor.examine() if one.name == "platform.workers"]
    assert "its log says why" in finding.remedy


def test_one_scheduler_is_fewer_than_there_should_be(now: datetime, levels: Levels):
    add_node("scheduler", now=now)
    found = levels()
    assert found["platform.schedulers"] is Level.WARNING
    assert found["platform.beat"] is Level.ERROR


def test_it_sees_that_versions_differ(healthy: None, now: datetime, levels: Levels):
    add_node("worker", now=now, version="2.0")
    assert levels()["platform.versions"] is Level.WARNING


def test_it_sees_that_nobody_claims(healthy: None, now: datetime, new_task: Callable[..., Task], levels: Levels):
    new_task(intervalSeconds=60, at=now - 5 * MINUTE)
    assert levels()["platform.claims"] is Level.ERROR


def test_it_sees_that_no_worker_announces_what_active_tasks_run(
    healthy: None, now: datetime, new_task: Callable[..., Task], levels: Levels
):
    task = new_task(intervalSeconds=86_400)
    Handler.objects.update(seen_at=now)
    assert levels()["platform.handlers"] is Level.OK

    Handler.objects.filter(task_class=task.task_class).update(seen_at=now - 4 * MINUTE)
    [finding] = [one for one in doctor.examine() if one.name == "platform.handlers"]
    assert finding.level is Level.WARNING
    assert f"{task.task_class} (1)" in finding.message

    Task.objects.filter(id=task.id).update(status="PAUSED", claim_at=None)
    assert levels()["platform.handlers"] is Level.OK


def test_it_sees_that_nobody_takes_what_is_queued(
    healthy: None, now: datetime, new_task: Callable[..., Task], levels: Levels
):
    task = new_task(intervalSeconds=86_400)
    execution = queue_one(current(), task.id, now=now)
    current().execute(
        "UPDATE task_execution_history SET published_at = %s WHERE id = %s", (now - 6 * MINUTE, execution)
    )
    assert levels()["platform.queues"] is Level.WARNING


@pytest.mark.parametrize(
    ("kind", "level"), [("missed", Level.ERROR), ("doubled", Level.ERROR), ("late", Level.WARNING)]
)
def test_it_tells_what_the_self_audit_has_found(healthy: None, levels: Levels, kind: str, level: Level):
    SlotAudit.objects.update(**{kind: 1})
    assert levels()["platform.self_audit"] is level


def test_it_sees_that_nobody_audits(healthy: None, now: datetime, levels: Levels):
    SlotAudit.objects.update(until=now - timedelta(hours=1))
    assert levels()["platform.self_audit"] is Level.WARNING


def test_it_sees_that_partitions_end(healthy: None, levels: Levels, now: datetime):
    last = current().execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'execution_log'::regclass"
        " ORDER BY 1 DESC LIMIT 9"
    )  # fmt: skip
    for [name] in last.fetchall():
        current().execute(f"DROP TABLE {name}")
    found = levels()
    assert found["database.partitions.execution_log"] is Level.WARNING
    assert found["database.partitions.task_execution_history"] is Level.OK


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("max_connections", "20"), ("max_locks_per_transaction", "64"), ("autovacuum", "off"), ("track_counts", "off"),
        ("fsync", "off"), ("full_page_writes", "off"), ("default_transaction_isolation", "serializable"),
        ("default_transaction_read_only", "on"),
    ],
)  # fmt: skip
def test_it_knows_what_postgresql_should_be_told(name: str, bad: str):
    [(is_good, message, remedy)] = [(good, said, todo) for rule, good, _, said, todo in database._RULES if rule == name]
    assert not is_good(bad)
    assert "{}" in message
    assert remedy.endswith(".")


def test_it_measures_how_far_clocks_are_apart(now: datetime):
    assert database._apart(now, now - SECOND, now + SECOND) == timedelta(0)
    assert database._apart(now + 9 * SECOND, now, now + SECOND) == 8 * SECOND
    assert database._apart(now - 9 * SECOND, now, now + SECOND) == 9 * SECOND


def test_it_sees_that_redis_may_forget():
    assert broker._memory({"maxmemory_policy": "allkeys-lru"}).level is Level.ERROR
    assert broker._memory({"maxmemory_policy": "noeviction", "maxmemory": 10, "used_memory": 9}).level is Level.WARNING
    assert broker._persistence({"aof_enabled": 0}).level is Level.WARNING
    assert broker._version("6.2.14").level is Level.ERROR


def test_it_says_that_the_broker_does_not_answer(healthy: None, levels: Levels, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(current_app.conf, "broker_url", f"redis://127.0.0.1:{free_port()}/0")
    assert levels()["broker.reachable"] is Level.ERROR


def test_it_sees_whom_the_broker_is_shared_with(healthy: None, store: redis.Redis):
    other = Broker()
    other.announce(str(neighbours.platform_of(current())))
    assert [one.level for one in broker.check() if one.name == "broker.shared"] == [Level.OK]

    other.announce("1/2/public the database billing at db-2:5432, by a scheduler on there")
    other.close()
    [found] = [one for one in broker.check() if one.name == "broker.shared"]
    assert found.level is Level.ERROR
    assert "the database billing at db-2:5432, by a scheduler on there" in found.message


def test_it_lets_a_worker_take_what_is_critical_alone(settings: Any):
    settings.WORKER_CRITICAL_ONLY = True
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = critical_only(
        settings.CELERY_BROKER_URL, settings.CELERY_BROKER_TRANSPORT_OPTIONS
    )
    found = {one.name: one.level for one in doctor.CHECKS["configuration"]()}
    assert found["configuration.broker_options"] is Level.OK


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("configuration.hosts", {"ALLOWED_HOSTS": ["*"]}),
        ("configuration.tls", {"ALLOWED_HOSTS": ["scheduler.example"], "BEHIND_TLS": False}),
        ("configuration.shell", {"SHELL_HANDLER": True}),
        ("configuration.broker_password", {"CELERY_BROKER_URL": "redis://redis.example:6379/0"}),
        ("configuration.broker_options", {"CELERY_BROKER_TRANSPORT_OPTIONS": {}}),
    ],
)
def test_it_sees_what_is_unsafe_or_unwise(settings: Any, name: str, values: dict[str, Any]):
    for setting, value in values.items():
        setattr(settings, setting, value)
    [found] = [one for one in doctor.CHECKS["configuration"]() if one.name == name]
    assert found.level
    assert found.remedy


def test_it_sees_secrets_that_others_can_read(healthy: None, tmp_path: Path, levels: Levels):
    assert levels()["files.private"] is Level.OK
    (tmp_path / "admin-token").write_text("psk_x")
    (tmp_path / "admin-token").chmod(0o644)
    assert levels()["files.private"] is Level.ERROR


def test_it_looks_at_the_rest_where_a_folder_is_closed_to_it(tmp_path: Path, settings: Any):
    """As any user but the platform's own finds DATA_DIR; root, as whom tests may run, finds nothing closed."""
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    code = f"""
import os, sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
from platform_scheduler.doctor import files
settings.DATA_DIR, settings.SECRETS_DIR = Path({str(closed)!r}) / "data", {str(closed)!r} + "/secrets"
if os.geteuid() == 0:
    os.setuid(65534)
print([(one.name, one.level.name) for one in files.check()])
"""
    closed.chmod(0o000 if os.geteuid() else 0o700)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"SECRETS_DIR": ""}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    closed.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert "('files.data_dir', 'ERROR')" in done.stdout
    assert "('files.private', 'OK')" in done.stdout


def test_it_gives_a_pipeline_json_and_a_status(db: None):
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=said)
    document = json.loads(said.getvalue())
    assert (ended.value.code, document["status"]) == (2, "ERROR")
    assert {"name", "level", "message", "remedy"} == set(document["findings"][0])


def test_a_warning_is_worth_a_status_where_asked(healthy: None):
    call_command("doctor", stdout=StringIO())
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--strict", stdout=StringIO())
    assert ended.value.code == 1


def test_it_leaves_out_what_is_well_where_asked(healthy: None):
    said = StringIO()
    call_command("doctor", "--quiet", stdout=said)
    assert "✓" not in said.getvalue()
    assert "→" in said.getvalue()


def test_without_a_database_it_says_so_and_looks_at_the_rest(tmp_path: Path):
    environment = {
        "PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "SECRET_KEY": secrets.token_urlsafe(60),
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.worker",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    found = {one["name"]: one["level"] for one in json.loads(done.stdout)["findings"]}
    assert found["database.reachable"] == found["broker.reachable"] == "ERROR"
    assert found["files.data_dir"] == "OK"


def test_a_database_that_is_not_utf8_is_an_error(monkeypatch: pytest.MonkeyPatch):
    server, name = os.environ["TEST_DATABASE_URL"], f"ascii_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(
            SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'").format(
                Identifier(name)
            )
        )
        try:
            with psycopg.connect(make_conninfo(server, dbname=name)) as connection:
                monkeypatch.setattr(database, "current", lambda: connection)
                found = database._encoding()
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
    assert (found.level, "SQL_ASCII" in found.message, "ENCODING 'UTF8'" in found.remedy) == (Level.ERROR, True, True)

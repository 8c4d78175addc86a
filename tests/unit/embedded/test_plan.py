"""What is decided before anything starts."""

import os
import subprocess

import pytest

from platform_scheduler.embedded import plan as module
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.layout import LONGEST_SOCKET_PATH, Layout
from platform_scheduler.embedded.options import Options
from platform_scheduler.embedded.plan import Plan


def options(data_dir, **changed) -> Options:
    values = {
        "host": "127.0.0.1",
        "port": 8000,
        "data_dir": data_dir,
        "database_url": "postgresql://u@h/d",
        "redis_url": "redis://h/0",
        "broker_url": None,
        "workers": 4,
        "schedulers": 1,
        "worker_processes": 1,
        "examples": False,
    }
    return Options(**(values | changed))


@pytest.fixture
def planned(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "require_postgres", lambda url: "16")
    monkeypatch.setattr(module, "require_redis", lambda url: "7.2.4")
    monkeypatch.setattr(module, "require_broker", lambda url: "RabbitMQ 3.10")

    def make(**changed) -> Plan:
        plan = Plan(options(tmp_path, **changed))
        plan.prepare()
        return plan

    return make


def test_it_starts_no_server_where_both_are_given(planned):
    assert [program.name for program in planned().programs] == ["web", "scheduler", "worker"]


def test_it_starts_no_redis_beside_another_broker(planned):
    plan = planned(redis_url=None, broker_url="amqp://rabbit")
    assert [program.name for program in plan.programs] == ["web", "scheduler", "worker"]
    assert ("RabbitMQ 3.10", "yours, by BROKER_URL") in plan.external


def test_it_starts_as_many_schedulers_and_workers_as_wanted(planned):
    names = [program.name for program in planned(schedulers=2, worker_processes=2).programs]
    assert names == ["web", "scheduler-1", "scheduler-2", "worker-1", "worker-2"]


def test_it_gives_each_its_own_health_port(planned):
    ports = [program.health_port for program in planned(schedulers=2, worker_processes=2).services[1:]]
    assert len(set(ports)) == 4


def test_it_remembers_its_ports(planned):
    assert planned().state.ports == planned().state.ports


def test_it_hands_the_urls_to_every_program(planned):
    env = planned().environment()
    assert (env["DATABASE_URL"], env["REDIS_URL"]) == ("postgresql://u@h/d", "redis://h/0")


def test_it_hands_another_broker_to_every_program(planned):
    assert planned(broker_url="amqp://rabbit").environment()["BROKER_URL"] == "amqp://rabbit"


def test_it_hands_on_no_broker_that_it_was_not_given(planned, monkeypatch):
    monkeypatch.setenv("BROKER_URL", "amqp://of-the-shell")
    assert planned().environment()["BROKER_URL"] == ""


def test_it_keeps_the_secret_key(planned):
    assert planned().environment()["SECRET_KEY"] == planned().environment()["SECRET_KEY"]


def test_it_leaves_the_variables_of_an_outside_postgresql_alone(planned, monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "require")
    assert planned().environment()["PGSSLMODE"] == "require"


@pytest.mark.parametrize(
    ("host", "allowed"), [("10.1.2.3", "10.1.2.3"), ("fd00::1", "[fd00::1]"), ("127.0.0.1", "localhost")]
)
def test_it_lets_the_web_server_be_called_by_its_address(planned, host, allowed):
    assert allowed in planned(host=host).environment()["ALLOWED_HOSTS"].split(",")


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1:8123"), ("::", "[::1]:8123"), ("::1", "[::1]:8123")]
)
def test_it_lets_tasks_call_the_web_server_by_its_port(planned, monkeypatch, host, address):
    monkeypatch.setenv("HTTP_ALLOWED_ADDRESSES", "10.1.0.0/16:80")
    allowed = planned(host=host, port=8123).environment()["HTTP_ALLOWED_ADDRESSES"]
    assert allowed == f"{address},10.1.0.0/16:80"


def test_it_refuses_the_data_dir_of_another_user(tmp_path, monkeypatch):
    (tmp_path / "state.json").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(CannotStart, match=r"belongs to .*: start as that user"):
        Plan(options(tmp_path))


def test_it_finds_a_short_place_for_the_socket_of_a_long_path(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = tmp_path / ("x" * 100)
    assert not Layout(deep).socket_path().is_relative_to(deep)
    assert len(str(Layout(tmp_path.parents[-2] / "d").socket_path())) <= LONGEST_SOCKET_PATH


def test_it_leaves_its_settings_for_a_shell_that_only_the_owner_may_read(planned, tmp_path):
    plan = planned(database_url="postgresql://u:it's secret@h/d")
    plan.write_environment()
    file = plan.layout.environment_file
    said = subprocess.run(
        ["sh", "-c", '. "$0" && printf %s "$DATABASE_URL"', file], capture_output=True, text=True, check=True
    )
    assert said.stdout == "postgresql://u:it's secret@h/d"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_shell_finds_the_handlers_that_it_was_started_with(planned, monkeypatch):
    monkeypatch.setenv("HANDLER_MODULES", "acme.jobs")
    monkeypatch.delenv("SHELL_HANDLER", raising=False)
    plan = planned()
    plan.write_environment()
    told = plan.layout.environment_file.read_text().splitlines()
    assert "export HANDLER_MODULES=acme.jobs" in told
    assert not any("SHELL_HANDLER" in line for line in told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKUP_DIR", "/mnt/backups"), ("HISTORY_KEPT_DAYS", "60"), ("HTTP_CA_FILE", "/etc/ca.pem"),
        ("REDIS_SENTINEL_MASTER", "scheduler"), ("REDIS_SENTINEL_PASSWORD_FILE", "/run/secrets/sentinel"),
        ("SECRET_NAMES", '{"default": ["BILLING"]}'),
    ],
)  # fmt: skip
def test_a_command_in_a_shell_does_what_the_platform_would(planned, monkeypatch, name, value):
    """Else `prune` removes what is to be kept, `backup` writes elsewhere, and sentinels watch nobody."""
    monkeypatch.setenv(name, value)
    plan = planned()
    plan.write_environment()
    said = subprocess.run(
        ["sh", "-c", f'. "$0" && printf %s "${name}"', plan.layout.environment_file],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    assert said.stdout == value


def test_it_is_not_overruled_by_files_of_the_environment(planned, monkeypatch, tmp_path):
    """A file comes before the variable that it names: services would use another database than `up` has prepared."""
    key = tmp_path / "key"
    key.write_text("k" * 50 + "\n")
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("SECRET_KEY_FILE", str(key))
    monkeypatch.setenv("DATABASE_URL_FILE", "/elsewhere")
    env = planned().environment()
    assert env["SECRET_KEY"] == "k" * 50
    assert {name for name in env if name.endswith("_FILE")} & {"SECRET_KEY_FILE", "DATABASE_URL_FILE"} == set()

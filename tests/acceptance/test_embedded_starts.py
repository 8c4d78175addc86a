"""`up` with real engines and real signals: started, stopped, started again, and refused."""

import signal
import stat
import urllib.request

import pytest

from platform_scheduler.embedded import orphans
from platform_scheduler.embedded.ports import is_free
from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.embedded import SECONDS

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_starts_and_stops_cleanly(up, number):
    up.start()
    assert up.end(number) == 0
    assert up.running() == []
    assert all(is_free(port) for port in up.state["ports"].values())


def test_it_stops_cleanly_while_it_still_starts(up):
    up.begin()
    assert wait_until(lambda: up.data_dir.is_dir() and orphans.find(up.sought)["supervisor"], seconds=SECONDS)
    assert up.end() == 0
    assert up.running() == []


def test_it_starts_again_on_the_same_ports(up):
    up.start()
    ports = up.state["ports"]
    up.write(1)
    up.end()
    up.start()
    assert up.state["ports"] == ports
    assert up.read() == ([1], [1])
    assert up.end() == 0


def test_it_runs_beside_another(make_up):
    first, second = make_up(), make_up()
    first.start()
    second.start()
    first.write(1)
    second.write(2)
    assert (first.read(), second.read()) == (([1], [1]), ([2], [2]))
    assert first.end() == 0
    assert second.read() == ([2], [2])
    assert second.end() == 0


def test_it_refuses_a_data_dir_that_is_in_use(up, make_up):
    up.start()
    other = make_up()
    other.begin("--data-dir", str(up.data_dir))
    assert other.process.wait(SECONDS) == 1
    assert f"in use by another `up` (process {up.process.pid})" in other.said
    assert up.end() == 0


def test_it_refuses_a_port_that_is_taken(up, make_up):
    up.start()
    other = make_up()
    other.begin("--port", str(up.port))
    assert other.process.wait(SECONDS) == 1
    assert f"✗ Port {up.port} on 127.0.0.1 is taken by" in other.said
    assert up.end() == 0


def test_it_refuses_the_data_of_another_postgresql(up):
    up.start()
    up.end()
    (up.data_dir / "postgres/PG_VERSION").write_text("14\n")
    up.begin()
    assert up.process.wait(SECONDS) == 1
    assert "was made by PostgreSQL 14, this is PostgreSQL" in up.said


def test_it_says_in_one_line_why_a_server_does_not_start(up):
    up.start()
    up.end()
    with (up.data_dir / "postgres/postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = on\n")
    up.begin()
    assert up.process.wait(SECONDS) == 1
    assert "✗ postgres does not start: " in up.said
    assert f"(log: {up.data_dir}/logs/postgres.log)" in up.said
    assert "Traceback" not in up.said
    assert up.running() == []


@pytest.fixture
def real(make_up):
    return make_up(command=("manage.py", "up"))


def ask(url: str, *, token: str) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        status: int = answer.status
        return status


def test_it_starts_the_whole_platform(real):
    real.begin("--schedulers", "2", "--worker-processes", "2", "--workers", "1")
    assert wait_until(lambda: "Ready after" in real.said or real.has_ended, seconds=120), real.said
    token = (real.data_dir / "admin-token").read_text().strip()
    assert ask(f"http://127.0.0.1:{real.port}/api/v1/tasks", token=token) == 200
    assert token in real.said
    assert (real.data_dir / "admin-login").read_text().strip().replace(" ", " / ") in real.said
    assert [stat.S_IMODE((real.data_dir / name).stat().st_mode) for name in ("admin-token", "admin-login")] == [
        0o600,
        0o600,
    ]
    assert real.end() == 0
    assert real.running() == []


def test_it_says_soon_why_a_worker_dies_at_each_start(real, monkeypatch, tmp_path):
    (tmp_path / "broken_jobs.py").write_text("from workers.registry import no_such_name\n")
    monkeypatch.setenv("HANDLER_MODULES", "broken_jobs")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    real.begin()
    assert real.process.wait(120) == 1
    assert "✗ worker does not start: ImportError: cannot import name 'no_such_name'" in real.said
    assert real.running() == []

"""Which running processes belong to a DATA_DIR."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from platform_scheduler.embedded import orphans
from platform_scheduler.embedded.orphans import Seen, Sought, kind_of
from platform_scheduler.embedded.programs import MARKER

OURS = Sought(
    data_dir=Path("/d"), postgres_data=Path("/var/lib/platform-scheduler/x/postgres"), valkey_data=Path("/d/valkey")
)


@pytest.mark.parametrize(
    ("name", "cwd", "marker", "arguments", "kind"),
    [
        ("python", "/work", "/d", ("python", "-m", "supervisor.supervisord", "-n"), "supervisor"),
        ("python", "/work", "/d", ("python", "-m", "celery"), "service"),
        ("granian", "/work", "/d", (), "service"),
        ("postgres", "/var/lib/platform-scheduler/x/postgres", "", (), "postgres"),
        # It overwrites its environment with its title.
        ("valkey-server", "/d/valkey", "", (), "valkey"),
        ("redis-server", "/d/valkey", "", (), "valkey"),
        ("postgres", "/var/lib/platform-scheduler/x/postgres", "/d", (), "postgres"),
    ],
)
def test_it_knows_a_process_of_ours(name, cwd, marker, arguments, kind):
    assert kind_of(Seen(name, cwd, marker, arguments), OURS) == kind


@pytest.mark.parametrize(
    ("name", "cwd", "marker"),
    [
        ("python", "/work", ""),
        ("python", "/work", "/other"),
        ("python", "/work", "/d/below"),
        ("postgres", "/var/lib/postgresql/15/main", ""),
        ("redis-server", "/var/lib/redis", ""),
        # Somebody looks around in the data directory.
        ("bash", "/d/valkey", ""),
        ("less", "/var/lib/platform-scheduler/x/postgres", ""),
    ],
)
def test_it_leaves_a_stranger_alone(name, cwd, marker):
    assert kind_of(Seen(name, cwd, marker, ()), OURS) is None


@pytest.fixture
def service(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"],
        env={MARKER: str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def sought_in(folder: Path) -> Sought:
    return Sought(data_dir=folder, postgres_data=folder / "postgres", valkey_data=folder / "valkey")


def test_it_stops_a_service_that_was_left(tmp_path, service):
    assert orphans.stop(sought_in(tmp_path)) == 1
    assert service.wait(10) == -15


def test_it_stops_a_service_whose_number_belonged_to_another_process_before(tmp_path, service, monkeypatch):
    earlier = psutil.Process(service.pid)
    monkeypatch.setattr(earlier, "_ident", (service.pid, 0.0))
    monkeypatch.setitem(vars(psutil)["_pmap"], service.pid, earlier)
    assert orphans.stop(sought_in(tmp_path)) == 1
    assert service.wait(10) == -15


def test_it_does_not_stop_a_service_of_another_data_dir(tmp_path, service):
    assert orphans.stop(sought_in(tmp_path / "other")) == 0
    assert service.poll() is None


def test_it_never_stops_itself_or_what_has_started_it(tmp_path, monkeypatch):
    monkeypatch.setattr(orphans, "_kind", lambda process, sought: "service")
    found = {process.pid for process in orphans.find(sought_in(tmp_path))["service"]}
    assert found.isdisjoint({os.getpid(), os.getppid()})

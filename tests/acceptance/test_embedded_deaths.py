"""`up` with real engines and real signals: killed, whole or in part, it loses nothing and leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil
import psycopg
import pytest
import redis

from platform_scheduler.embedded import orphans
from platform_scheduler.embedded.ports import is_free
from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.embedded import PROJECT, SECONDS, Up

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]


@pytest.mark.parametrize("victims", ["up", "supervisord", "everything"])
def test_it_loses_nothing_when_killed(up, victims):
    up.start()
    up.write(1)
    up.kill(victims)
    up.start()
    assert up.read() == ([1], [1])
    assert up.end() == 0
    assert up.running() == []


def test_it_ends_with_a_line_when_its_supervisor_is_killed(up):
    up.start()
    up.kill("supervisord")
    assert up.process.returncode == 1
    assert "✗ supervisord has ended" in up.said
    assert up.running() == []


def test_it_leaves_nothing_running_when_it_is_killed(up):
    up.start()
    up.kill("up")
    assert wait_until(lambda: not up.running(), seconds=SECONDS)


def test_it_restarts_an_engine_that_is_killed(up):
    up.start()
    up.write(1)
    orphans.find(up.sought)["valkey"][0].kill()
    psutil.Process(int((up.data_dir / "postgres/postmaster.pid").read_text().split()[0])).kill()
    assert wait_until(lambda: "postgres has ended and was started again" in up.said, seconds=SECONDS)
    assert wait_until(lambda: "valkey has ended and was started again" in up.said, seconds=SECONDS)
    assert wait_until(lambda: readable(up), seconds=SECONDS)
    assert up.read() == ([1], [1])
    assert up.end() == 0


def readable(up: Up) -> bool:
    with contextlib.suppress(psycopg.OperationalError, redis.ConnectionError):
        return bool(up.read())
    return False


def test_it_tells_of_a_program_that_is_given_up_and_starts_it_once_it_can_run(up):
    up.start()
    up.write(1)
    # The next start of valkey meets a file that it cannot read.
    whole = {file: file.read_bytes() for file in (up.data_dir / "valkey/appendonlydir").glob("*.incr.aof")}
    for file in whole:
        file.write_text("garbage\nmore garbage\n")
    orphans.find(up.sought)["valkey"][0].kill()
    assert wait_until(lambda: "valkey has ended too often" in up.said, seconds=SECONDS)
    assert "Bad file format" in up.said

    for file, content in whole.items():
        file.write_bytes(content)
    assert wait_until(lambda: "valkey runs again" in up.said, seconds=SECONDS)
    assert up.read() == ([1], [1])
    assert up.end() == 0


def test_it_leaves_no_servers_behind_when_a_test_run_is_killed(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "import os, signal\n"
        "def test_it():\n"
        "    print(os.environ['TEST_DATABASE_URL'], os.environ['TEST_REDIS_URL'])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "PYTEST_"))}
    options = ["-p", "tests.servers", "-p", "no:django", "-c", os.devnull, "--rootdir", str(tmp_path), "-s", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(test)],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    ports = [int(url.rsplit(":", 1)[1].split("/")[0]) for url in done.stdout.split()]
    assert len(ports) == 2
    assert wait_until(lambda: all(map(is_free, ports)), seconds=SECONDS)

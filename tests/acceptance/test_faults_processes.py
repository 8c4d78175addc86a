"""Processes that are killed, stopped and asked to end at the worst of times; each slot runs once all the same."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import psutil
import pytest

from drill.definitions import Work
from drill.faults import FAULTS, Fault
from drill.history import BEGUN, Row
from drill.platform import WEB, Platform
from drill.processes import send_all
from platform_scheduler.embedded.services import WEB_WORKERS
from tests.acceptance.conftest import Watch
from tests.acceptance.struck import Watched, every, once, shown

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

LASTS = 7


@pytest.mark.parametrize("name", ["kill-scheduler", "kill-worker", "kill-child", "lose-machine", "kill-reporter"])
def test_it_runs_each_slot_once_whatever_is_killed(platform: Platform, watch: Watch, name: str) -> None:
    now = platform.now()
    quick = [every(1, lasts=LASTS, now=now, work=Work(seconds=0.3)) for _ in range(4)]
    watched = watch(*quick)
    watched.wait_for_rows(6, "SUCCESS")

    _strike(platform, name)

    verdict = watched.judged(may_lose=FAULTS[name].may_lose)
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.expected >= 4 * (LASTS - 2)


def test_it_keeps_what_was_registered_when_web_is_killed(platform: Platform) -> None:
    task = platform.call("POST", "/api/v1/tasks", {"name": "kept", "taskClass": "platform.noop"})
    platform.processes.kill_family(WEB)
    platform.processes.relaunch(WEB)
    platform.await_ready([WEB])
    assert platform.call("GET", f"/api/v1/tasks/{task.body['id']}").body["name"] == "kept"


def test_requests_are_answered_while_a_web_process_that_was_killed_is_replaced(platform: Platform) -> None:
    platform.wait_for(lambda: len(_listening(platform)) == WEB_WORKERS, "all of its processes listen")
    before = _listening(platform)
    killed = psutil.Process(min(before))
    counted = _requests(platform)
    killed.kill()
    killed.wait(timeout=10)

    assert {platform.call("GET", "/health/live").status for _ in range(50)} == {200}
    platform.wait_for(lambda: len(_listening(platform)) == WEB_WORKERS, "another one has begun")
    assert before - _listening(platform) == {killed.pid}
    assert _requests(platform) >= counted + 50


def _listening(platform: Platform) -> set[int]:
    """Return the processes that take requests of the web server; as soon as one does, the server is ready."""
    return {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr
        and connection.laddr.port == platform.ports[WEB]
        and connection.pid is not None
    }


def _requests(platform: Platform) -> float:
    """Return how many requests all processes of the web server have counted, the dead ones too."""
    text = str(platform.call("GET", "/metrics").body)
    return sum(float(value) for value in re.findall(r"^platform_scheduler_http_requests_total\{.*\} (.+)$", text, re.M))


class Frozen:
    """A worker that stood still for longer than its lease while it ran something, and then woke up."""

    def __init__(self, platform: Platform, watched: Watched) -> None:
        self.platform = platform
        self.watched = watched
        watched.wait_for(lambda: watched.count("RUNNING") == 1, "it runs")
        (self.lost,) = watched.rows()
        self.name = _worker_of(platform, self.lost)
        self.log_before = len(platform.processes.log(self.name))
        send_all(platform.processes.family(self.name), signal.SIGSTOP)
        watched.wait_for(lambda: watched.count("LOST") == 1, "it is lost")
        send_all(platform.processes.family(self.name), signal.SIGCONT)

    @property
    def said(self) -> str:
        """What the worker has said since."""
        return self.platform.processes.log(self.name)[self.log_before :]


def test_a_worker_that_wakes_up_after_its_lease_cannot_write_and_says_so(platform: Platform, watch: Watch) -> None:
    frozen = Frozen(
        platform, watch(once(now=platform.now(), work=Work(seconds=40), timeout_seconds=60, max_retry_count=0))
    )

    said = f"Execution {frozen.lost.id} was lost to another node; its process"
    frozen.watched.wait_for(lambda: said in frozen.said, "the worker says that it has lost the run", seconds=20)

    rows = {row.attempt: row for row in frozen.watched.rows()}
    assert (rows[1].status, rows[1].fence) == ("LOST", frozen.lost.fence)
    assert frozen.watched.judged(may_lose=True).findings == []


def test_a_worker_that_is_asked_to_end_ends_what_runs_and_takes_nothing_new(platform: Platform, watch: Watch) -> None:
    slow = watch(once(now=platform.now(), work=Work(seconds=4), timeout_seconds=60))
    slow.wait_for(lambda: slow.count("RUNNING") == 1, "it runs")
    (running,) = slow.rows()
    name, node = _worker_of(platform, running), shown(platform, running.id)["node_id"]

    platform.processes.ask_to_end(name)
    log = platform.processes.log_file(name)
    slow.wait_for(lambda: "Warm shutdown" in log.read_text(), "it says that it ends")
    quick = watch(*[every(1, lasts=3, now=platform.now()) for _ in range(3)])
    quick.wait_for(lambda: quick.count("SUCCESS") >= 6, "others run")
    slow.wait_for(lambda: not platform.processes.is_running(name), "it has ended")

    assert [(row.status, row.attempt) for row in slow.rows()] == [("SUCCESS", 1)]
    assert {shown(platform, row.id)["node_id"] for row in quick.rows()} - {None} != {node}
    assert node not in {shown(platform, row.id)["node_id"] for row in quick.rows()}
    assert quick.judged().findings == []


def test_a_worker_that_has_ended_has_written_all_and_taken_its_leave(platform: Platform, watch: Watch) -> None:
    """A container kills what its main process leaves behind, and whoever ends everything ends the database next."""
    slow = watch(once(now=platform.now(), work=Work(seconds=2), timeout_seconds=60))
    slow.wait_for(lambda: slow.count("RUNNING") == 1, "it runs")
    (running,) = slow.rows()
    name = _worker_of(platform, running)
    family = platform.processes.family(name)

    platform.processes.stop([name])

    assert [process for process in family if process.is_running()] == []
    found = shown(platform, running.id)
    assert (found["status"], _has_left(platform, found["node_id"])) == ("SUCCESS", True)


@pytest.fixture(scope="module")
def living_and_dead(struck_platform: Platform) -> Iterator[dict[str, list[Row]]]:
    """What became of a starved run, of one whose process stood still, and of one that ignored its soft limit."""
    now = struck_platform.now()
    swapped = Watched(struck_platform, [once(now=now, work=Work(seconds=2), timeout_seconds=60)])
    starved = Watched(struck_platform, [once(now=now, work=Starving(seconds=10), timeout_seconds=60)])
    deaf = Watched(
        struck_platform, [once(now=now, work=Work(seconds=40, is_deaf=True), timeout_seconds=1, max_retry_count=0)]
    )
    _stand_still(struck_platform, swapped)
    deaf.wait_for(lambda: deaf.count("TIMED_OUT") == 1, "the deaf one is killed", seconds=40)
    starved.wait_for(lambda: starved.count("SUCCESS") == 1, "the starved one ends", seconds=40)
    swapped.wait_for(lambda: swapped.count("SUCCESS") == 1, "the one that stood still ends", seconds=40)
    yield {"starved": starved.rows(), "deaf": deaf.rows(), "swapped": swapped.rows()}


def _stand_still(platform: Platform, swapped: Watched) -> None:
    """Give the process of a run no time for longer than its lease, as where its memory lies on a slow disk."""
    swapped.wait_for(lambda: bool(_pids(platform, swapped)), "it has begun")
    (run,) = swapped.rows()
    (pid,) = _pids(platform, swapped)
    lease = shown(platform, run.id)["lease_expires_at"]
    os.kill(pid, signal.SIGSTOP)
    try:
        swapped.wait_for(lambda: platform.now() > lease + timedelta(seconds=1), "its first lease is over")
    finally:
        os.kill(pid, signal.SIGCONT)


def _pids(platform: Platform, watched: Watched) -> list[int]:
    ours = {row.id for row in watched.rows()}
    return [note.pid for note in platform.notes() if note.event == BEGUN and note.execution in ours]


class Starving(Work):
    """Work that holds the interpreter: no other thread of its process gets a turn."""

    def data(self) -> dict[str, object]:
        return {"seconds": self.seconds, "spins": True}


def test_a_starved_run_that_lives_is_not_lost(living_and_dead: dict[str, list[Row]]) -> None:
    assert [(row.status, row.attempt) for row in living_and_dead["starved"]] == [("SUCCESS", 1)]


def test_a_run_whose_process_stands_still_is_not_lost(living_and_dead: dict[str, list[Row]]) -> None:
    assert [(row.status, row.attempt) for row in living_and_dead["swapped"]] == [("SUCCESS", 1)]


def test_a_handler_that_ignores_its_soft_limit_is_killed_at_the_hard_one(
    living_and_dead: dict[str, list[Row]],
) -> None:
    (row,) = living_and_dead["deaf"]
    assert row.start_time is not None and row.end_time is not None
    assert timedelta(seconds=11) <= row.end_time - row.start_time < timedelta(seconds=14)


def test_a_dead_workers_run_is_lost_within_its_lease_and_ten_seconds(platform: Platform, watch: Watch) -> None:
    watched = watch(once(now=platform.now(), work=Work(seconds=30), timeout_seconds=60, max_retry_count=0))
    watched.wait_for(lambda: watched.count("RUNNING") == 1, "it runs")
    (running,) = watched.rows()
    died = platform.now()
    platform.processes.kill_family(_worker_of(platform, running))

    watched.wait_for(lambda: watched.count("LOST") == 1, "it is lost")

    (lost,) = watched.rows()
    assert lost.end_time is not None
    assert lost.end_time - died < timedelta(seconds=platform.size.lease_seconds + 10)


def _strike(platform: Platform, name: str) -> None:
    """Strike a fault, and repair it at once, as a supervisor does."""
    fault: Fault = FAULTS[name](platform, random=Random(1))
    fault.begin()
    fault.end()


def _has_left(platform: Platform, node: str) -> bool:
    with platform.engines.connect() as connection:
        return connection.execute(
            "SELECT ended_at IS NOT NULL FROM scheduler_nodes WHERE id = %s::uuid", (node,)
        ).fetchone() == (True,)


def _worker_of(platform: Platform, row: Row) -> str:
    """Return the worker that runs a row, by the process that its handler has noted."""
    platform.wait_for(lambda: _pid_of(platform, row), "its handler has begun")
    pid = _pid_of(platform, row)
    return next(
        name for name in platform.workers if pid in {process.pid for process in platform.processes.family(name)}
    )


def _pid_of(platform: Platform, row: Row) -> int | None:
    return next((note.pid for note in platform.notes() if note.execution == row.id), None)

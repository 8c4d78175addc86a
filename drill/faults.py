"""The faults: each begins, lasts as long as it says, and is repaired as a supervisor or an operator would."""

import signal
from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

import psutil

from drill.errors import UnknownFault
from drill.history import BEGUN, Note
from drill.platform import WEB, Platform
from drill.processes import send_all


class Fault(ABC):
    """One fault; `victims` are of one kind, so that no two faults at a time are about the same service."""

    name: ClassVar[str]
    may_lose: ClassVar[bool] = False
    shortest: ClassVar[float] = 0.5
    longest: ClassVar[float] = 3.0

    def __init__(self, platform: Platform, *, random: Random) -> None:
        self.platform = platform
        self.random = random
        self.seconds = random.uniform(self.shortest, self.longest)
        self.victim = random.choice(self.victims())
        self.detail = self.victim

    @abstractmethod
    def victims(self) -> list[str]:
        """Return the services, or the engine, that it may strike."""

    @abstractmethod
    def begin(self) -> None:
        """Strike."""

    def end(self) -> None:
        """Repair what does not repair itself: start again what has ended."""
        self.platform.processes.relaunch(self.victim)


class OnScheduler(Fault):
    """Strikes one scheduler."""

    def victims(self) -> list[str]:
        return self.platform.schedulers


class OnWorker(Fault):
    """Strikes one worker."""

    may_lose = True

    def victims(self) -> list[str]:
        return self.platform.workers

    def children(self) -> list[psutil.Process]:
        """Return the worker's children: what comes from it, but the reporter, which is the one that listens."""
        return [process for process in self.platform.processes.family(self.victim)[1:] if not _listens(process)]


class OnBroker(Fault):
    """Strikes the broker."""

    longest = 6.0

    def victims(self) -> list[str]:
        return ["broker"]


class OnDatabase(Fault):
    """Strikes PostgreSQL."""

    def victims(self) -> list[str]:
        return ["database"]


class KillScheduler(OnScheduler):
    """A scheduler is killed, at any point of a claim, a publish or a sweep, and started again."""

    name = "kill-scheduler"

    def begin(self) -> None:
        self.platform.processes.kill(self.victim)


class DrainScheduler(OnScheduler):
    """A scheduler is asked to end, as a deployment does, and started again."""

    name = "drain-scheduler"

    def begin(self) -> None:
        self.platform.processes.ask_to_end(self.victim)

    def end(self) -> None:
        self.platform.processes.stop([self.victim])
        super().end()


class FreezeScheduler(OnScheduler):
    """A scheduler stands still for longer than its lease, and wakes up into a world that has gone on."""

    name = "freeze-scheduler"
    shortest = 16.0  # the lease under which one of them beats lasts 15 s
    longest = 24.0

    def begin(self) -> None:
        send_all(self.platform.processes.family(self.victim), signal.SIGSTOP)

    def end(self) -> None:
        send_all(self.platform.processes.family(self.victim), signal.SIGCONT)


class KillWorker(OnWorker):
    """A worker's parent process is killed: its children die with it, and what they ran is LOST."""

    name = "kill-worker"

    def begin(self) -> None:
        self.platform.processes.kill(self.victim)


class LoseMachine(OnWorker):
    """A worker dies with all its processes, as its machine would: only the leases tell."""

    name = "lose-machine"

    def begin(self) -> None:
        self.platform.processes.kill_family(self.victim)


class KillChild(OnWorker):
    """A worker's child is killed in the middle of a run."""

    name = "kill-child"
    longest = 1.0

    def victims(self) -> list[str]:
        """Return the workers that have children at all: one that has just been started has none yet."""
        workers = super().victims()
        return [name for name in workers if len(self.platform.processes.family(name)) > 2] or workers

    def begin(self) -> None:
        children = {process.pid: process for process in self.children()}
        busy = [note.pid for note in _unended(self.platform) if note.pid in children]
        if children:
            pid = self.random.choice(busy or list(children))
            self.detail = f"{self.victim}, process {pid}"
            send_all([children[pid]], signal.SIGKILL)


class KillReporter(OnWorker):
    """A worker's reporter is killed; its parent forks another, and nothing is lost by that."""

    name = "kill-reporter"
    may_lose = False
    longest = 1.0

    def begin(self) -> None:
        send_all([one for one in self.platform.processes.family(self.victim)[1:] if _listens(one)], signal.SIGKILL)


class FreezeWorker(OnWorker):
    """A worker stands still for longer than its lease; what it then wants to write is no longer its own."""

    name = "freeze-worker"

    def __init__(self, platform: Platform, *, random: Random) -> None:
        super().__init__(platform, random=random)
        self.seconds = platform.size.lease_seconds + random.uniform(2.0, 8.0)

    def begin(self) -> None:
        send_all(self.platform.processes.family(self.victim), signal.SIGSTOP)

    def end(self) -> None:
        send_all(self.platform.processes.family(self.victim), signal.SIGCONT)


class DrainWorker(OnWorker):
    """A worker is asked to end, as a deployment does: what runs ends, nothing new is taken."""

    name = "drain-worker"

    def begin(self) -> None:
        self.platform.processes.ask_to_end(self.victim)

    def end(self) -> None:
        self.platform.processes.stop([self.victim])
        super().end()


class KillWeb(Fault):
    """The web server is killed with all its processes, and started again."""

    name = "kill-web"

    def victims(self) -> list[str]:
        return [WEB]

    def begin(self) -> None:
        self.platform.processes.kill_family(self.victim)


class RestartBroker(OnBroker):
    """The broker is killed, and started again with what its file holds."""

    name = "restart-broker"

    def begin(self) -> None:
        self.platform.engines.kill_broker()

    def end(self) -> None:
        self.platform.engines.start_broker()


class EmptyBroker(OnBroker):
    """The broker is killed, and started again with nothing in it."""

    name = "empty-broker"

    def begin(self) -> None:
        self.platform.engines.kill_broker()

    def end(self) -> None:
        self.platform.engines.start_broker(is_empty=True)


class FreezeBroker(OnBroker):
    """The broker stands still: connections stay open, and nobody answers."""

    name = "freeze-broker"
    shortest = 5.0
    longest = 30.0

    def begin(self) -> None:
        self.platform.engines.freeze_broker()

    def end(self) -> None:
        self.platform.engines.thaw_broker()


class HalfOpenBroker(OnBroker):
    """The network swallows what is sent to the broker, which takes its clients for gone while they wait."""

    name = "half-open-broker"
    shortest = 5.0
    longest = 20.0

    def begin(self) -> None:
        self.platform.engines.proxy.open_hole()

    def end(self) -> None:
        self.platform.engines.proxy.close_hole()


class RestartDatabase(OnDatabase):
    """PostgreSQL ends at once, in the middle of claims and finishes, and is started again."""

    name = "restart-database"
    longest = 2.0

    def begin(self) -> None:
        self.platform.engines.crash_database()

    def end(self) -> None:
        self.platform.engines.start_database()


class CutConnections(OnDatabase):
    """All connections to PostgreSQL are cut at once."""

    name = "cut-connections"
    longest = 1.0

    def begin(self) -> None:
        with self.platform.engines.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def end(self) -> None:
        """Nothing: everybody connects anew."""


FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        KillScheduler, KillWorker, KillChild, KillReporter, LoseMachine, KillWeb, FreezeScheduler, FreezeWorker,
        DrainScheduler, DrainWorker, RestartBroker, EmptyBroker, FreezeBroker, HalfOpenBroker, RestartDatabase,
        CutConnections,
    )
}  # fmt: skip


def chosen(names: str) -> list[type[Fault]]:
    """Return the faults of a list separated by commas; `all` and `none` are lists too. Raises UnknownFault."""
    if names in ("all", "none", ""):
        return list(FAULTS.values()) if names == "all" else []
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in FAULTS]:
        raise UnknownFault(f"There is no fault {unknown[0]!r}; `drill --list` names them all.")
    return [FAULTS[name] for name in wanted]


def _listens(process: psutil.Process) -> bool:
    try:
        return any(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp"))
    except psutil.Error:
        return False


def _unended(platform: Platform) -> list[Note]:
    """Return the beginnings whose end nobody has noted: what runs, and what was killed in the middle."""
    notes = platform.notes()
    ended = {note.execution for note in notes if note.event != BEGUN}
    return [note for note in notes if note.event == BEGUN and note.execution not in ended]

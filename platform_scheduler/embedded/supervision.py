"""The supervisor that starts, restarts and stops the programs of one `up`."""

import http.client
import os
import socket
import subprocess
import sys
import xmlrpc.client  # nosec B411
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .programs import SHIM, Program, shim_command, write_programs
from .waiting import Pause, wait_until

PROGRAMS_FILE = "programs.json"
PID_FILE = "supervisord.pid"
RPC_SECONDS = 10
SECONDS_TO_START = 20
# Longer than the slowest program may take to stop.
SECONDS_TO_STOP = 90

HEAD = """\
[unix_http_server]
file=%(ENV_UP_SOCKET)s
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
nodaemon=true
pidfile={pid_file}
logfile=../logs/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
"""
# Every path of the user's comes through the environment or is relative to the run folder: a `%`, `;` or `#`
# in a folder's name would be read as part of this file's own language.
PROGRAM = """\
[program:{name}]
command="%(ENV_UP_PYTHON)s" -I -S "%(ENV_UP_SHIM)s" {programs} {name} {pid_file}
autostart={autostart}
autorestart=true
startsecs={start_seconds}
startretries=3
stopsignal={signal}
stopwaitsecs={seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile=../logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""
# A program that ends sooner has not started. Longer than it takes to fail: supervisor looks about once a
# second, and takes what it finds dead after `startsecs` for one that had run, to be started for ever.
ENGINE_START_SECONDS = 3
SERVICE_START_SECONDS = 10


@dataclass(frozen=True)
class Status:
    """What supervisor says of a program: RUNNING, BACKOFF, FATAL …, and its process, 0 for none."""

    state: str
    pid: int

    @property
    def is_running(self) -> bool:
        """Whether it has run for long enough to count as started."""
        return self.state == "RUNNING"

    @property
    def has_failed(self) -> bool:
        """Whether it has ended too often to be started by itself."""
        return self.state in ("FATAL", "UNKNOWN")

    @property
    def is_starting(self) -> bool:
        """Whether it has not run yet since its last start, or has ended before it did."""
        return self.state in ("STARTING", "BACKOFF")


class SupervisorGone(Exception):
    """The supervisor does not answer any more."""


def config(programs: Iterable[Program], *, as_root: bool) -> str:
    """Write out supervisor's configuration: engines start by themselves, services when they are told to."""
    programs = list(programs)
    sections = [HEAD.format(pid_file=PID_FILE) + ("user=root\n" if as_root else "")]
    sections += [_program_section(program) for program in programs]
    sections += _group_section("engines", [each for each in programs if each.is_engine], priority=1)
    sections += _group_section("services", [each for each in programs if not each.is_engine], priority=2)
    return "".join(sections)


def _program_section(program: Program) -> str:
    return PROGRAM.format(
        name=program.name,
        programs=PROGRAMS_FILE,
        pid_file=PID_FILE,
        autostart=str(program.is_engine).lower(),
        start_seconds=ENGINE_START_SECONDS if program.is_engine else SERVICE_START_SECONDS,
        signal=program.stop_signal.name.removeprefix("SIG"),
        seconds=program.stop_seconds,
    )


def _group_section(name: str, programs: list[Program], *, priority: int) -> list[str]:
    """Group programs: groups stop one after the other, last priority first, their programs all at once."""
    if not programs:
        return []
    return [f"[group:{name}]\nprograms={','.join(each.name for each in programs)}\npriority={priority}\n"]


class Supervisor:
    """One supervisord, child of this process, in a session of its own: a Ctrl-C reaches only `up`."""

    def __init__(self, run_dir: Path, *, socket_path: Path) -> None:
        self._run_dir = run_dir
        self._socket_path = socket_path
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: dict[str, str] = {}

    def start(self, programs: Iterable[Program], *, env: Mapping[str, str], pause: Pause) -> bool:
        """Start it with these programs; say whether it answers."""
        programs = list(programs)
        self._groups = {each.name: "engines" if each.is_engine else "services" for each in programs}
        (self._run_dir / "supervisord.conf").write_text(config(programs, as_root=os.geteuid() == 0))
        write_programs(self._run_dir / PROGRAMS_FILE, [self._itself(), *programs])
        with (self._run_dir / "../logs/supervisord.out").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and shim
                shim_command(PROGRAMS_FILE, "supervisord", parent=os.getpid()),
                cwd=self._run_dir,
                env=self._environment(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        wait_until(lambda: self._answers() or not self.is_running, seconds=SECONDS_TO_START, every=0.02, pause=pause)
        return self.is_running and self._answers()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def status(self) -> dict[str, Status]:
        """Ask for every program's state; raise SupervisorGone."""
        answers = self._call("getAllProcessInfo")
        return {each["name"]: Status(state=each["statename"], pid=each["pid"]) for each in answers}

    def start_program(self, name: str) -> None:
        """Begin to start a program that waits to be told; raise SupervisorGone."""
        self._call("startProcess", f"{self._groups[name]}:{name}", False)

    def stop(self, *, pause: Pause) -> None:
        """Stop every program in order, then itself; harmless when it has ended."""
        if self._process is None:
            return
        if self.is_running:
            self._process.terminate()
            wait_until(self._has_stopped, seconds=SECONDS_TO_STOP, every=0.1, pause=pause)
        if self.is_running:
            self._process.kill()  # its programs die with it, by the shim
        self._process.wait()

    def _has_stopped(self) -> bool:
        # Any call wakes its loop, which otherwise notices the end of a program up to a second late.
        self._answers()
        return not self.is_running

    def _itself(self) -> Program:
        return Program(
            name="supervisord",
            argv=(sys.executable, "-m", "supervisor.supervisord", "-n", "-c", "supervisord.conf"),
            cwd=self._run_dir,
        )

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        return {
            **env,
            "UP_SOCKET": str(self._socket_path),
            "UP_PYTHON": sys.executable,
            "UP_SHIM": str(SHIM),
        }

    def _answers(self) -> bool:
        try:
            self._call("getPID")
        except SupervisorGone:
            return False
        return True

    def _call(self, method: str, *arguments: object) -> Any:
        transport = _UnixTransport(self._socket_path)
        proxy = xmlrpc.client.ServerProxy("http://supervisor", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise SupervisorGone(str(error)) from error
        finally:
            transport.close()


# What xmlrpc parses comes from our own supervisor, over a socket that only its owner can open.
class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=RPC_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(RPC_SECONDS)
        self.sock.connect(str(self._path))

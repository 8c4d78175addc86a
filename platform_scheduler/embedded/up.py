"""`up`: starts everything in order, watches it in the foreground, stops it."""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from platform_scheduler import __version__

from . import orphans
from .announced import latest_announcement
from .commands import run_to_end
from .console import Console
from .data_dir import Lock, explained, make_folder, take
from .engines import where
from .errors import CannotStart
from .health import is_ready
from .interrupts import Interrupts
from .options import Options, add_arguments
from .parent import end_with_make
from .plan import Plan
from .ports import LOOPBACK, require_free
from .programs import Program
from .services import EXAMPLES_FILE, bootstrap, register_examples, write_examples
from .supervision import Supervisor, SupervisorGone
from .waiting import Interrupted, wait_until
from .watching import watch

# After a crash PostgreSQL first reads its log again.
SECONDS_FOR_ENGINES = 300
SECONDS_FOR_BOOTSTRAP = 600
SECONDS_FOR_SERVICES = 90
MOST_STARTS = 3
SECONDS_FOR_ANNOUNCEMENT = 30
SECONDS_FOR_EXAMPLES = 120


def main(arguments: Sequence[str]) -> int:
    """Run `up` from a command line; answer the exit status."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start everything, until Ctrl-C.")
    add_arguments(parser)
    return run(vars(parser.parse_args(arguments)))


def run(values: Mapping[str, object]) -> int:
    """Run `up` with these options; answer the exit status."""
    console = Console()
    end_with_make()
    with Interrupts() as interrupts:
        try:
            options = Options.of(values)
            with explained(options.data_dir):
                Up(options, console=console, interrupts=interrupts).run()
        except CannotStart as refusal:
            console.refuse(refusal)
            return 1
        except Interrupted:
            console.line("Stopped.")
    return 0


class Up:
    """One run, from taking DATA_DIR to letting it go."""

    def __init__(self, options: Options, *, console: Console, interrupts: Interrupts) -> None:
        self._options = options
        self._console = console
        self._interrupts = interrupts
        self._pause = interrupts.wait
        self._began = time.monotonic()
        self._has_hurried = False

    def run(self) -> None:
        """Start, watch, stop; always ends by CannotStart or Interrupted, with everything stopped."""
        data_dir = self._options.data_dir
        self._console.line(f"Platform Scheduler {__version__} · data in {_shown(data_dir)}")
        # As root others may pass through, for PostgreSQL is another user then; each secret is 0600.
        make_folder(data_dir, mode=0o711 if os.geteuid() == 0 else 0o700)
        lock = take(data_dir, pause=self._pause, on_wait=self._say_waiting)
        with ExitStack() as at_the_end:
            at_the_end.callback(lock.close)
            plan = Plan(self._options)
            for notice in plan.notices:
                self._console.warn(notice)
            self._stop_orphans(plan)
            require_free(self._options.host, self._options.port)
            self._console.doing("preparing the servers")
            plan.prepare()
            supervisor = Supervisor(plan.layout.run, socket_path=plan.layout.socket_path())
            at_the_end.callback(self._stop, supervisor, plan, lock)
            self._start(supervisor, plan)
            watch(supervisor, plan, console=self._console, pause=self._pause)

    def _start(self, supervisor: Supervisor, plan: Plan) -> None:
        self._start_engines(supervisor, plan)
        self._prepare_database(plan)
        announced_before = latest_announcement(plan.database_url)
        self._start_services(supervisor, plan)
        self._summarize(plan)
        if self._options.examples:
            self._register_examples(plan, announced_before=announced_before)

    def _start_engines(self, supervisor: Supervisor, plan: Plan) -> None:
        for title, detail in plan.external:
            self._console.done(title, detail)
        self._console.doing(f"starting {' and '.join(each.title for each in plan.engines) or 'supervisor'}")
        log = plan.log("supervisord")
        if not supervisor.start(plan.programs, env=plan.environment(), pause=self._pause):
            raise CannotStart(f"supervisord does not start: {log.complaint()}")
        for engine in plan.engines:
            self._await(supervisor, plan, engine.program, engine.is_ready, seconds=SECONDS_FOR_ENGINES)
            engine.finish()
            self._console.done(engine.title, where(engine))

    def _prepare_database(self, plan: Plan) -> None:
        self._console.doing("preparing the database")
        program = bootstrap()
        log = plan.log(program.name)
        if not self._run_command(program, plan, seconds=SECONDS_FOR_BOOTSTRAP):
            raise CannotStart(f"The database cannot be prepared: {log.complaint()}")
        self._console.done("Database", "up to date")

    def _start_services(self, supervisor: Supervisor, plan: Plan) -> None:
        # Whoever sees a service answer finds the settings for commands beside it.
        plan.write_environment()
        for program in plan.services:
            supervisor.start_program(program.name)
        for program in plan.services:
            self._console.doing(f"starting {program.name}")
            host, port = LOOPBACK, program.health_port
            if port is None:
                host, port = self._options.reachable_host, self._options.port
            ready = _health_check(host, port)
            self._await(supervisor, plan, program, ready, seconds=SECONDS_FOR_SERVICES)
            self._console.done(program.name.capitalize(), _service_detail(program, self._options))

    def _await(
        self,
        supervisor: Supervisor,
        plan: Plan,
        program: Program,
        ready: Callable[[int], bool],
        *,
        seconds: float,
    ) -> None:
        starts: set[int] = set()

        def settled() -> bool:
            status = supervisor.status()[program.name]
            starts.update({status.pid} - {0})
            # Once may be chance; whoever dies of the same fault each time, as of a handler's, would never be ready.
            if status.has_failed or len(starts) >= MOST_STARTS:
                raise CannotStart(f"{program.name} does not start: {plan.log(program.name).complaint()}")
            return bool(status.pid) and ready(status.pid)

        try:
            if not wait_until(settled, seconds=seconds, pause=self._pause):
                complaint = plan.log(program.name).complaint()
                raise CannotStart(f"{program.name} is not ready after {seconds:.0f} s: {complaint}")
        except SupervisorGone as error:
            raise CannotStart(f"supervisord has ended: {error}; start again.") from None

    def _summarize(self, plan: Plan) -> None:
        user, password = plan.layout.login_file.read_text().split()
        token = plan.layout.token_file.read_text().strip()
        say = self._console.line
        say()
        say(f"  Dashboard    {self._options.url}/admin/")
        say(f"  Login        {user} / {password}   ({_shown(plan.layout.login_file)})")
        say(f"  API token    {token}   ({_shown(plan.layout.token_file)})")
        say(f"  API          {self._options.url}/api/v1/tasks")
        say(f"  Its page     {self._options.url}/api/docs/   (any user name, the token as password)")
        say(f"  Commands     . {_shown(plan.layout.environment_file)} && .venv/bin/python manage.py help")
        say(f"  Logs         {_shown(plan.layout.logs)}/")
        say()
        say(f"Ready after {time.monotonic() - self._began:.1f} s. Ctrl-C stops everything.")

    def _register_examples(self, plan: Plan, *, announced_before: object) -> None:
        if not EXAMPLES_FILE.exists():
            return
        self._console.doing("waiting for the worker to announce what it can run")
        wait_until(
            lambda: latest_announcement(plan.database_url) != announced_before,
            seconds=SECONDS_FOR_ANNOUNCEMENT,
            every=0.2,
            pause=self._pause,
        )
        file = plan.layout.run / EXAMPLES_FILE.name
        write_examples(file, url=self._options.url)
        program = register_examples(file)
        log = plan.log(program.name)
        if self._run_command(program, plan, seconds=SECONDS_FOR_EXAMPLES):
            self._console.done("Examples", f"registered from {_shown(EXAMPLES_FILE)} (EXAMPLES=0 leaves them out)")
        else:
            self._console.warn(f"The examples were not registered: {log.complaint()}")

    def _run_command(self, program: Program, plan: Plan, *, seconds: float) -> bool:
        return run_to_end(program, run_dir=plan.layout.run, env=plan.environment(), seconds=seconds, pause=self._pause)

    def _stop_orphans(self, plan: Plan) -> None:
        self._console.doing("looking for what an earlier start has left")
        count = orphans.stop(plan.sought, pause=self._pause)
        if count:
            self._console.done("Cleaned up", f"stopped {count} processes that an earlier start had left")

    def _stop(self, supervisor: Supervisor, plan: Plan, lock: Lock) -> None:
        lock.say_stopping()
        if self._interrupts.count:
            self._console.line("Stopping; running tasks may end first (Ctrl-C again: at once).")
        else:
            self._console.doing("stopping what was started")

        def pause(seconds: float) -> bool:
            if self._interrupts.count > 1 and not self._has_hurried:
                self._has_hurried = True
                orphans.kill_services(plan.sought)
            return self._interrupts.pause(seconds)

        supervisor.stop(pause=pause)
        orphans.stop(plan.sought, pause=pause)

    def _say_waiting(self, holder: int) -> None:
        self._console.doing(f"waiting for the `up` that is just stopping (process {holder})")


def _health_check(host: str, port: int) -> Callable[[int], bool]:
    return lambda _pid: is_ready(host, port)


def _service_detail(program: Program, options: Options) -> str:
    if program.name == "web":
        return options.url
    return f"{options.workers} tasks at once" if program.name.startswith("worker") else ""


def _shown(path: Path) -> str:
    """Give the path as the person would write it where he stands."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

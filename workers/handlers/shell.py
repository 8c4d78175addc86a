"""`platform.shell`: runs a command on the worker's machine, as the worker's user; off unless SHELL_HANDLER is set."""

import logging
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from scheduler.engine.schedules.instants import written
from workers import minder
from workers.context import Context
from workers.errors import ExpectedFailure, PermanentFailure
from workers.output import Journal, Lines, Tail
from workers.registry import Data, handler

# Between the request to end and the kill; with the reading that follows it stays below the hard limit's ten seconds.
GRACE_SECONDS = 5
RESULT_BYTES = ERROR_BYTES = 4 * 1024
CHUNK_BYTES = 64 * 1024
# All that a command sees of the worker's environment: no passwords, no keys.
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
SHELL = ("/bin/sh", "-eu", "-c")

SCHEMA = {
    "type": "object",
    "properties": {
        "argv": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": 1000,
            "description": "The program and its arguments; no shell reads them.",
        },
        "script": {"type": "string", "minLength": 1, "description": "Text for /bin/sh -eu."},
        "cwd": {"type": "string", "pattern": "^/", "description": "The folder to run in; the one for scratch files."},
        "env": {
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": {"type": "string"},
            "description": "Added to the environment; a value may be a $secret.",
        },
    },
    "oneOf": [{"required": ["argv"]}, {"required": ["script"]}],
    "additionalProperties": False,
}


class CommandFailed(ExpectedFailure):
    """The command ended with another status than 0."""


def run(data: Data, context: Context) -> dict[str, Any]:
    """Run `argv`, or `script` with /bin/sh -eu, and succeed with exit status 0.

    What it writes goes to the execution's log. It runs as the worker's user with a minimal environment and no input;
    when it ends, or its time is up, everything that it has started is killed.
    """
    argv = data.get("argv") or [*SHELL, data["script"]]
    stdout, stderr = Tail(RESULT_BYTES), Tail(ERROR_BYTES)
    journal = Journal(context.log)
    with _started(argv, _folder(data), _environment(data.get("env", {}), context)) as command:
        try:
            for level, line in _lines(command, context):
                journal.add(level, line)
                (stdout if level == logging.INFO else stderr).add(line)
        finally:
            journal.finish()
    status = command.wait()
    if status:
        raise CommandFailed(f"{argv[0]} ended with exit status {_named(status)}.\n{stderr.text()}".strip())
    return {"exitStatus": 0, "stdout": stdout.text()}


def _folder(data: Data) -> str:
    folder: str = data.get("cwd", tempfile.gettempdir())
    if not Path(folder).is_dir():
        raise PermanentFailure(f"cwd: there is no folder {folder} on this worker.")
    return folder


def _environment(added: Mapping[str, str], context: Context) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    told = {
        "SCHEDULER_EXECUTION_ID": str(context.execution_id),
        "SCHEDULER_TASK_NAME": context.task_name,
        "SCHEDULER_NAMESPACE": context.namespace,
        "SCHEDULER_SCHEDULED_FOR": written(context.scheduled_for),
        "SCHEDULER_ATTEMPT": str(context.attempt),
        "SCHEDULER_FENCE": str(context.fence),
    }
    return {"PATH": DEFAULT_PATH} | kept | told | dict(added)


@contextmanager
def _started(argv: Sequence[str], folder: str, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the command below its minder; at the end of the block, however it comes, all of it is gone."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as lifeline:
        try:
            command = subprocess.Popen(  # noqa: S603 - running what the task says is what this handler is for
                [sys.executable, "-I", "-S", minder.__file__, str(reading), *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=dict(environment),
                pass_fds=(reading,),
                start_new_session=True,
            )
        finally:
            os.close(reading)
        with command:
            try:
                yield command
            except BaseException:  # SoftTimeout, or Ctrl-C in the foreground
                _ask_to_end(command, lifeline)
                raise
            finally:
                lifeline.close()


def _ask_to_end(command: "subprocess.Popen[bytes]", lifeline: IO[bytes]) -> None:
    try:
        lifeline.write(b"T")
        # What it still writes is read, or it could not end: a full pipe holds it.
        command.communicate(timeout=GRACE_SECONDS)
    except (BrokenPipeError, subprocess.TimeoutExpired):
        pass


def _lines(command: "subprocess.Popen[bytes]", context: Context) -> Iterator[tuple[int, str]]:
    """Yield what both streams say until the last process has closed them, with the level that says which it was."""
    with selectors.DefaultSelector() as selector:
        for stream, level in ((command.stdout, logging.INFO), (command.stderr, logging.WARNING)):
            selector.register(stream, selectors.EVENT_READ, (level, Lines(context.mask)))  # type: ignore[arg-type]
        while selector.get_map():
            for key, _ in selector.select():
                level, lines = key.data
                chunk = os.read(key.fd, CHUNK_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                for line in lines.feed(chunk) if chunk else lines.finish():
                    yield level, line


def _named(status: int) -> str:
    if status > minder.SIGNALLED:
        return f"{status} (128 + {status - minder.SIGNALLED}: a signal)"
    return str(status)


if settings.SHELL_HANDLER:
    # Whoever may send events may not define tasks, and must not write a script through a template.
    handler("platform.shell", schema=SCHEMA, fills_templates=True, closed_to_events=["script"])(run)

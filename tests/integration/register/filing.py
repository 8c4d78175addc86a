"""What the tests of register_tasks and export_tasks share: files, and the commands with their two outputs."""

from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command


@dataclass(frozen=True)
class Said:
    """What a command has said, and why it failed where it did."""

    out: list[str]
    err: list[str]
    failure: str | None = None

    @property
    def summary(self) -> str:
        """The last line of standard output."""
        return self.out[-1]


def command(name: str, *arguments: object) -> Said:
    """Run a command as a shell would."""
    out, err, failure = StringIO(), StringIO(), None
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        failure = str(error)
    return Said(out.getvalue().splitlines(), err.getvalue().splitlines(), failure)


def register(*arguments: object) -> Said:
    """Run register_tasks."""
    return command("register_tasks", *arguments)


def noop(name: str, **fields: Any) -> dict[str, Any]:
    """Return a record."""
    return {"name": name, "taskClass": "platform.noop"} | fields

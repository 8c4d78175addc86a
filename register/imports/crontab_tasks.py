"""Turns the entries of crontabs into records: what cron would run, by the handler that runs commands."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from register.imports import naming
from register.imports.cron_slots import CronSlots
from register.imports.crontab import Entry, SwitchedOff, Unreadable
from register.imports.item import LABEL, LeftOut, Read, Remark, item, refused
from register.imports.literal import literal
from register.imports.naming import Names

SOURCE = "crontab"
SHELL_CLASS = "platform.shell"
SHELL = "/bin/sh"
# cron stops nothing; a day is long for a job, and still ends the one that hangs.
TIMEOUT_SECONDS = 86_400
USER_MARK = "{user}"

# Shells that know here-documents, by which a command gets its standard input.
_SHELLS = frozenset({"sh", "bash", "dash", "ksh", "mksh", "zsh", "ash"})
_PERCENT = re.compile(r"(?<!\\)%")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CRONS_OWN = frozenset({"CRON_TZ", "MAILTO", "MAILFROM", "RANDOM_DELAY", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"})
_REBOOT = (
    "@reboot runs when the machine starts, which no schedule can say. Leave it to the machine: a systemd unit with "
    "WantedBy=multi-user.target."
)
_RANDOM = "~ lets cron draw a time when it starts. Write one value in its place; any number may share it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How entries are to become tasks; `{user}` in `queue` stands for the user of the entry."""

    time_zone: str = "UTC"
    task_class: str = SHELL_CLASS
    queue: str | None = None
    cwd: str | None = None
    allows_unknown: bool = False


@dataclass(slots=True)
class Converter:
    """Turns entries into records, and keeps the names that it has given."""

    choices: Choices
    names: Names = field(default_factory=Names)
    _users: dict[str, None] = field(default_factory=dict)

    def read(self, entries: Iterable[Entry | Unreadable | SwitchedOff], *, file: str) -> Iterator[Read]:
        """Yield what becomes of each entry."""
        for entry in entries:
            place = f"{file}:{entry.line}"
            if isinstance(entry, SwitchedOff):
                yield LeftOut(place, "is a comment there")
            elif isinstance(entry, Unreadable):
                yield refused(place, entry.reason)
            else:
                yield from self._converted(entry, place)
        if self._users and USER_MARK not in (self.choices.queue or ""):
            yield _of_users(list(self._users))

    def _converted(self, entry: Entry, place: str) -> Iterator[Read]:
        variables = dict(entry.variables)
        command, has_input, given = _split(entry.command)
        shell = variables.get("SHELL", SHELL)
        if reasons := [*_not_taken(entry, shell, has_input=has_input)]:
            yield refused(place, *reasons)
            return
        yield from self._remarks(entry, variables)
        zone = variables.get("CRON_TZ") or self.choices.time_zone
        schedule = entry.schedule.lower() if entry.schedule.startswith("@") else entry.schedule
        fields = {
            "name": self._name(entry, command),
            "description": entry.description,
            "taskClass": self.choices.task_class,
            "allowUnknownTaskClass": True if self.choices.allows_unknown else None,
            "taskData": self._task_data(shell, _with_input(command, given) if has_input else command, variables),
            "cronExpression": schedule,
            "timeZone": zone,
            "timeoutSeconds": TIMEOUT_SECONDS,
            "maxRetryCount": 0,  # cron tries nothing again, and not every command may be
            "queue": self._queue(entry),
            "labels": {LABEL: SOURCE} | ({"cron-user": entry.user} if entry.user else {}),
        }
        yield item(fields, place, was=CronSlots.of(schedule, zone))

    def _name(self, entry: Entry, command: str) -> str:
        if entry.name:
            return entry.name  # two of that name are the source's mistake, which registering tells
        return self.names.unique(naming.of_command(command), told_apart_by=entry.schedule)

    def _task_data(self, shell: str, command: str, variables: dict[str, str]) -> dict[str, Any]:
        data: dict[str, Any] = {"argv": [shell, "-c", command]}
        cwd = variables.get("HOME") or self.choices.cwd
        if cwd:
            data["cwd"] = cwd
        environment = {
            name: value
            for name, value in variables.items()
            if name not in _CRONS_OWN and _ENVIRONMENT_NAME.fullmatch(name)
        }
        if environment:
            data["env"] = environment
        # The handler fills in templates: what is meant as two braces is written as four.
        return data if self.choices.task_class != SHELL_CLASS else literal(data)

    def _queue(self, entry: Entry) -> str | None:
        return self.choices.queue and self.choices.queue.replace(USER_MARK, entry.user or "user")

    def _remarks(self, entry: Entry, variables: dict[str, str]) -> Iterator[Remark]:
        if variables.get("MAILTO"):
            yield Remark(
                f"MAILTO={variables['MAILTO']}: no mail is sent here. Output stands in each execution's log, and what "
                "fails in the metrics and the dashboard."
            )
        if "TZ" in variables:
            yield Remark(
                f"TZ={variables['TZ']}: it is handed to the commands, and like cron itself the schedules do not follow "
                "it. Where they should, write CRON_TZ."
            )
        if "RANDOM_DELAY" in variables:
            yield Remark("RANDOM_DELAY: tasks fire at their minute here, without a delay.")
        if entry.user:
            self._users[entry.user] = None
        if not variables.get("HOME") and not self.choices.cwd:
            yield Remark(
                "cron starts commands in the user's home, the worker in its folder for temporary files. "
                "--cwd DIR says another one; commands with absolute paths need none."
            )


def _of_users(users: list[str]) -> Remark:
    return Remark(
        f"The commands of {', '.join(users)} run as the user of the worker here. With --queue 'cron-{USER_MARK}' each "
        f"user's jobs have a queue of their own: run a worker as {users[0]} with QUEUES=cron-{users[0]}, and so on."
    )


def _not_taken(entry: Entry, shell: str, *, has_input: bool) -> Iterator[str]:
    if entry.schedule.lower() == "@reboot":
        yield _REBOOT
    elif "~" in entry.schedule:
        yield _RANDOM
    if has_input and shell.rpartition("/")[2] not in _SHELLS:
        yield f"% gives the command standard input, and {shell} has no here-documents. Write it into a script."


def _split(command: str) -> tuple[str, bool, str]:
    """Return the command, whether it is given standard input, and that: an unescaped % begins it, or a line of it."""
    text, *lines = (part.replace("\\%", "%") for part in _PERCENT.split(command))
    return text, bool(lines), "\n".join(lines)


def _with_input(command: str, given: str) -> str:
    mark = "END_OF_INPUT"
    while mark in given.split("\n"):
        mark += "_"
    return f"{{\n{command}\n}} <<'{mark}'\n{given}\n{mark}"

"""Reads crontabs, of a user or of the system: the entries with the comments and variables that stand above them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_VARIABLE = re.compile(
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[A-Za-z_][^\s=]*))\s*=\s*(?P<value>.*)"""
)
_FIELD = r"[-*0-9A-Za-z,/~#?]+"
# A job that somebody has switched off: it is no description of the next one.
_SWITCHED_OFF = re.compile(rf"(@[a-z]+|[-*0-9][-*0-9,/~]*(\s+{_FIELD}){{4}})\s+\S")
_HEADING = re.compile(r"(?i)m(in(ute)?)?\s+h(our)?\s+(dom|day)\b.*")
_NAME = re.compile(r"(?i)name:\s*(?P<name>\S.*)")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*[$]?")
_FIELDS = 5
_QUOTES = "\"'"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that cron would run; `schedule` is five fields or a macro, `command` still has its % signs."""

    line: int
    schedule: str
    command: str
    user: str | None = None
    name: str | None = None
    description: str | None = None
    variables: tuple[tuple[str, str], ...] = ()


class Unreadable(NamedTuple):
    """A line that is neither an entry nor anything else of a crontab, and why."""

    line: int
    reason: str


class SwitchedOff(NamedTuple):
    """An entry behind a `#`."""

    line: int


@dataclass(slots=True)
class _Above:
    """What the lines above an entry say: the comments directly, the variables of the whole file so far."""

    comments: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


def entries(lines: Iterable[str], *, has_user: bool) -> Iterator[Entry | Unreadable | SwitchedOff]:
    """Yield the entries of a crontab; `has_user` says that it is the system's, with a user before the command."""
    above = _Above()
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if line.startswith("#"):
            text = line.lstrip("#").strip()
            if _SWITCHED_OFF.match(text):
                yield SwitchedOff(number)
                above.comments.clear()  # they speak of that one
            elif _HEADING.fullmatch(text):
                above.comments.clear()
            elif text:
                above.comments.append(text)
            continue
        variable = _VARIABLE.fullmatch(line)
        if variable:
            name = variable["double"] or variable["single"] or variable["bare"] or ""
            above.variables[name] = _unquoted(variable["value"])
        elif line:
            yield _entry(number, line, above, has_user=has_user)
        above.comments.clear()


def _entry(number: int, line: str, above: _Above, *, has_user: bool) -> Entry | Unreadable:
    fields = 1 if line.startswith("@") else _FIELDS
    words = line.split(None, fields + has_user)
    if len(words) <= fields + has_user:
        what = "five fields or a macro, " + ("a user " if has_user else "") + "and a command"
        return Unreadable(number, f"This is no entry: one has {what}.")
    user = words[fields] if has_user else None
    if user is not None and not _USER.fullmatch(user):
        return Unreadable(number, f"{user} is no user's name. A user's own crontab is read without --system.")
    if not has_user and words[-1].startswith("root "):
        return Unreadable(
            number, "root is no command. A crontab with a user before each command is read with --system."
        )
    name, description = _told(above.comments)
    return Entry(
        line=number,
        # A minus before the minute keeps cronie from writing to the system's log, no more.
        schedule=re.sub(r"^-(?=[*0-9])", "", " ".join(words[:fields])),
        command=words[-1],
        user=user,
        name=name,
        description=description,
        variables=tuple(above.variables.items()),
    )


def _told(comments: Iterable[str]) -> tuple[str | None, str | None]:
    """Return the name that a comment `# name: …` gives, and what the others say."""
    name, rest = None, []
    for comment in comments:
        if match := _NAME.fullmatch(comment):
            name = match["name"]
        else:
            rest.append(comment)
    return name, "\n".join(rest) or None


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1] if is_quoted else value

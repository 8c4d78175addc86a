"""One thing that was looked at, how it is, and what to do about it."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad it is; the number is the exit status that it is worth."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is stable, for pipelines; `remedy` is empty where nothing is to be done."""

    name: str
    level: Level
    message: str
    remedy: str = ""


def ok(name: str, message: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(name, Level.OK, message)


def warning(name: str, message: str, remedy: str) -> Finding:
    """Return that something will do harm some day, or may."""
    return Finding(name, Level.WARNING, message, remedy)


def error(name: str, message: str, remedy: str) -> Finding:
    """Return that something keeps the platform from doing what it promises."""
    return Finding(name, Level.ERROR, message, remedy)

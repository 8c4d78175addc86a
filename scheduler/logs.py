"""How log lines look, and what they are about: the ids of the request, task and execution that a thread is at."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

import orjson

_ids: ContextVar[dict[str, object] | None] = ContextVar("ids", default=None)


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Have everything that this thread logs within the block carry these ids, and what is added, and no others."""
    token = _ids.set(ids)
    try:
        yield
    finally:
        _ids.reset(token)


def begin(**ids: object) -> None:
    """Have what this thread logs carry these ids, and no others, until `end`."""
    _ids.set(ids)


def end() -> None:
    """Have what this thread logs carry no ids."""
    _ids.set(None)


def add(**ids: object) -> None:
    """Have what this thread logs from here on carry these ids as well, until the block around it ends."""
    begun = _ids.get()
    if begun is not None:
        begun.update(ids)


class Lines(logging.Formatter):
    """A line for people, the ids in brackets at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Say what the line is about behind what it says, before any traceback."""
        line = super().formatMessage(record)
        ids = " ".join(f"{name}={value}" for name, value in (_ids.get() or {}).items())
        return f"{line} [{ids}]" if ids else line


class JsonLines(logging.Formatter):
    """A JSON object a line, for programs that collect them; the ids are among its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, a traceback as its `exception`."""
        if record.exc_info and not record.exc_text:  # what is there has been masked
            record.exc_text = self.formatException(record.exc_info)
        line = {
            "timestamp": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **{name: str(value) for name, value in (_ids.get() or {}).items()},
        }
        texts = {"exception": record.exc_text, "stack": record.stack_info}
        line |= {name: text for name, text in texts.items() if text}
        # Half a surrogate is no text for JSON, and no reason to lose the line.
        return orjson.dumps({name: _sendable(value) for name, value in line.items()}).decode()


def _sendable(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value

"""Keeps the values of secrets out of everything that is stored or logged."""

import base64
import json
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
# Of a value that was cut in two, this much is worth hiding.
PART_MIN_LENGTH = 4


class Mask:
    """Replaces values, as they are and as JSON, repr, URLs and base64 spell them, by three asterisks."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        spelled = {spelling for value in values for spelling in _spellings(value)}
        self._spellings = sorted(spelled, key=lambda spelling: (-len(spelling), spelling))
        self._pattern = re.compile("|".join(map(re.escape, self._spellings))) if self._spellings else None

    def __call__(self, text: str) -> str:
        """Return `text` without the values."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def cut(self, text: str) -> str:
        """Return `text`, which somebody has cut at its end, without the values and without the half of one there."""
        text = self(text)
        half = max((_overlap(text, spelling) for spelling in self._spellings), default=0)
        return text[: len(text) - half] + HIDDEN if half else text

    def over_logs(self) -> AbstractContextManager[None]:
        """Mask what any logger says while the block runs, for every handler of logging alike."""
        return self._over_logs() if self._pattern else nullcontext()

    @contextmanager
    def _over_logs(self) -> Iterator[None]:
        make = logging.getLogRecordFactory()

        def make_masked(*arguments: Any, **options: Any) -> logging.LogRecord:
            return self._masked(make(*arguments, **options))

        logging.setLogRecordFactory(make_masked)
        try:
            yield
        finally:
            logging.setLogRecordFactory(make)

    def _masked(self, record: logging.LogRecord) -> logging.LogRecord:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - logging would print the arguments themselves where they do not fit
            message = f"{record.msg} (its arguments do not fit)"
        record.msg, record.args = self(message), None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = self(logging.Formatter().formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = self(record.stack_info)
        return record


NOTHING_HIDDEN = Mask()


def _spellings(value: str) -> Iterator[str]:
    """Yield how a value may look where it turns up; of several lines each by itself as well, as logs hold lines."""
    parts = {value, *(line.strip() for line in value.splitlines() if len(line.strip()) >= PART_MIN_LENGTH)}
    for part in filter(None, parts):
        yield part
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        yield repr(part)[1:-1]
        yield quote(part)
        yield quote(part, safe="")
        yield quote_plus(part)
        yield base64.b64encode(part.encode()).decode()


def _overlap(text: str, spelling: str) -> int:
    """Return how long a beginning of `spelling` the text ends with; 0 where it is too short to tell anything."""
    for length in range(min(len(spelling) - 1, len(text)), PART_MIN_LENGTH - 1, -1):
        if text.endswith(spelling[:length]):
            return length
    return 0

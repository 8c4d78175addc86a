"""From what a handler returned or raised to the outcome that is stored."""

import json
import traceback
from dataclasses import dataclass, replace
from typing import Any

from scheduler.engine.states import Status
from scheduler.records import Outcome
from workers.errors import PermanentFailure, SoftTimeout, UnknownHandler

RESULT_MAX_CHARACTERS = 64 * 1024
ERROR_MAX_CHARACTERS = 16 * 1024
# Two texts of six bytes a character (a control character in JSON) fit into a line of 4,096.
LINE_TEXT_MAX_CHARACTERS = 300

_CUT = "\n… cut …\n"


@dataclass(frozen=True, slots=True)
class Ending:
    """How the handler ended, before it is tied to an execution."""

    status: Status
    result: str | None = None
    error_message: str | None = None
    is_permanent: bool = False


def returned(value: Any) -> Ending:
    """SUCCESS with `value` as text: text as it is, anything else as JSON, cut at 64 Ki characters."""
    if value is None:
        return Ending(Status.SUCCESS)
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return Ending(Status.SUCCESS, result=_storable(text, RESULT_MAX_CHARACTERS))


def raised(error: BaseException, *, timeout_seconds: int) -> Ending:
    """TIMED_OUT for the soft limit, else FAILED; the message is the error in a line, then its traceback."""
    if isinstance(error, SoftTimeout):
        message = f"It ran longer than its timeoutSeconds, {timeout_seconds}."
        return Ending(Status.TIMED_OUT, error_message=_storable(f"{message}\n{_trace(error)}", ERROR_MAX_CHARACTERS))
    if isinstance(error, PermanentFailure | UnknownHandler):
        return Ending(Status.FAILED, error_message=_storable(str(error), ERROR_MAX_CHARACTERS), is_permanent=True)
    summary = "".join(traceback.format_exception_only(error)).strip()
    return Ending(Status.FAILED, error_message=_storable(f"{summary}\n{_trace(error)}", ERROR_MAX_CHARACTERS))


def refused(faults: list[str]) -> Ending:
    """FAILED for good: the task data do not fit the handler's schema."""
    return Ending(Status.FAILED, error_message=_storable("\n".join(faults), ERROR_MAX_CHARACTERS), is_permanent=True)


def cut(outcome: Outcome) -> Outcome:
    """Return the outcome with texts short enough for one line of the pipe, escapes included."""
    return replace(
        outcome,
        result=outcome.result and _storable(outcome.result, LINE_TEXT_MAX_CHARACTERS),
        error_message=outcome.error_message and _storable(outcome.error_message, LINE_TEXT_MAX_CHARACTERS),
    )


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _storable(text: str, limit: int) -> str:
    """Return text that PostgreSQL takes: no NUL, no lone surrogate, head and tail where it is too long."""
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    if len(text) <= limit:
        return text
    half = (limit - len(_CUT)) // 2
    return text[:half] + _CUT + text[-half:]

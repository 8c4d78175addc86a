"""From what a handler returned or raised to the outcome that is stored."""

import json
import traceback
from dataclasses import dataclass, replace
from typing import Any

from scheduler.engine.states import Status
from scheduler.records import Outcome
from workers.errors import Cancelled, ExpectedFailure, PermanentFailure, SoftTimeout, UnknownHandler
from workers.masking import NOTHING_HIDDEN, Mask
from workers.texts import storable

RESULT_MAX_BYTES = 64 * 1024
ERROR_MAX_BYTES = 16 * 1024
REASON_MAX_BYTES = 255
# JSON needs at most six bytes for one (a control character), so three such texts fit into a line of 4,096.
LINE_TEXT_MAX_BYTES = 200


@dataclass(frozen=True, slots=True)
class Ending:
    """How the handler ended, before it is tied to an execution."""

    status: Status
    result: str | None = None
    error_message: str | None = None
    reason: str | None = None
    is_permanent: bool = False


def returned(value: Any, *, mask: Mask = NOTHING_HIDDEN) -> Ending:
    """SUCCESS with `value` as text: text as it is, anything else as JSON, cut at 64 KiB.

    What cannot be text is named instead: the work is done, and would not be done better a second time.
    """
    if value is None:
        return Ending(Status.SUCCESS)
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    except Exception as error:  # noqa: BLE001 - __str__ of what a handler returned may do anything
        text = f"A result of type {type(value).__name__} that JSON cannot hold: {_said(error)}"
    return Ending(Status.SUCCESS, result=storable(mask(text), RESULT_MAX_BYTES))


def raised(error: BaseException, *, timeout_seconds: int, mask: Mask = NOTHING_HIDDEN) -> Ending:
    """TIMED_OUT for the soft limit, CANCELLED as asked, else FAILED; the message is the error, then its traceback."""
    if isinstance(error, SoftTimeout):
        message = f"It ran longer than its timeoutSeconds, {timeout_seconds}."
        return Ending(Status.TIMED_OUT, error_message=_message(f"{message}\n{_trace(error)}", mask))
    if isinstance(error, Cancelled):
        return Ending(Status.CANCELLED, error_message=_message(f"It was asked to end.\n{_trace(error)}", mask))
    if isinstance(error, PermanentFailure | ExpectedFailure):
        is_permanent = isinstance(error, PermanentFailure)
        return Ending(Status.FAILED, error_message=_message(_said(error), mask), is_permanent=is_permanent)
    summary = "".join(traceback.format_exception_only(error)).strip()
    return Ending(Status.FAILED, error_message=_message(f"{summary}\n{_trace(error)}", mask))


def refused(faults: list[str], *, mask: Mask = NOTHING_HIDDEN) -> Ending:
    """FAILED for good: the task data do not fit the handler's schema."""
    return Ending(Status.FAILED, error_message=_message("\n".join(faults), mask), is_permanent=True)


def unknown(error: UnknownHandler, *, node_id: object) -> Ending:
    """FAILED for good: neither this worker nor the one before it has the handler; the reason names this one."""
    message = f"Node {node_id}: {error}"
    return Ending(
        Status.FAILED,
        error_message=storable(message, ERROR_MAX_BYTES),
        reason=storable(message, REASON_MAX_BYTES),
        is_permanent=True,
    )


def cut(outcome: Outcome) -> Outcome:
    """Return the outcome with texts short enough for one line of the pipe, escapes included."""
    return replace(
        outcome,
        result=_short(outcome.result),
        error_message=_short(outcome.error_message),
        reason=_short(outcome.reason),
    )


def _message(text: str, mask: Mask) -> str:
    """Return what can be stored of an error; masked first, for a secret that was cut in two would not be found."""
    return storable(mask(text), ERROR_MAX_BYTES)


def _short(text: str | None) -> str | None:
    return text and storable(text, LINE_TEXT_MAX_BYTES)


def _said(error: BaseException) -> str:
    """Return what the error says; its name where it says nothing, or cannot."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - __str__ of a handler's own error may do anything
        return type(error).__name__


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))

"""Shows what a deployment has set wrongly as one line: whoever deploys looks for a variable, not for a traceback."""

import sys
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError

REFUSALS = (ImproperlyConfigured, EnvError)


def install() -> None:
    """Let a refusal that ends this process be one line; any other error is shown as before."""
    sys.excepthook = _show


def line(refusal: BaseException) -> str:
    """Return what the refusal says, as one line."""
    return " ".join(str(refusal).split())


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, REFUSALS):
        sys.stderr.write(f"{line(error)}\n")
    else:
        sys.__excepthook__(kind, error, traceback)

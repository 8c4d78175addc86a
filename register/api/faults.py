"""Turns the framework's nested validation errors into faults, one a message."""

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.exceptions import ErrorDetail

from scheduler.errors import Fault


def faults_of(detail: Any, *, path: str = "") -> Iterable[Fault]:
    """Yield the faults in `detail`; nested names are dotted and items numbered: retryPolicy.jitter, retryOn[2]."""
    if isinstance(detail, ErrorDetail):
        code = detail.code or "invalid"
        yield Fault(path, code, str(detail), is_impossible=code == "impossible")
    elif isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from faults_of(inner, path=_below(path, name))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            here = path if isinstance(inner, ErrorDetail) else f"{path}[{index}]"
            yield from faults_of(inner, path=here)


def _below(path: str, name: object) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else str(name)

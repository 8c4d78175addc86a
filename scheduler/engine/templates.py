"""Fills the parameters of a template in: `${name}` in any text of a definition.

A text that is one parameter becomes its value, whatever type that has; inside a text the value stands as text. `$${`
is a plain `${`. Names of fields are not looked at.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PARAMETER = re.compile(r"\$\$\{|\$\{(?P<name>[^{}]*)\}")


def named(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the name of each parameter in a document; what stands in `${}` may be no name at all."""
    if isinstance(document, str):
        yield from ((path, match["name"]) for match in _PARAMETER.finditer(document) if match["name"] is not None)
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield from named(value, f"{path}.{key}" if path else str(key))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from named(value, f"{path}[{number}]")


def growth(document: Any, values: Mapping[str, Any]) -> int:
    """Return by how many characters a document grows at most where its parameters are filled in."""
    lengths = {name: len(_as_text(value)) for name, value in values.items()}
    return sum(lengths.get(name, 0) for _, name in named(document))


def filled(document: Any, values: Mapping[str, Any]) -> Any:
    """Return a document with its parameters filled in. Raises KeyError with the name of one that has no value."""
    if isinstance(document, str):
        whole = _PARAMETER.fullmatch(document)
        if whole is not None and whole["name"] is not None:
            return values[whole["name"]]
        return _PARAMETER.sub(lambda match: _text(match, values), document)
    if isinstance(document, Mapping):
        return {key: filled(value, values) for key, value in document.items()}
    if isinstance(document, list):
        return [filled(value, values) for value in document]
    return document


def _text(match: re.Match[str], values: Mapping[str, Any]) -> str:
    if match["name"] is None:
        return "${"
    return _as_text(values[match["name"]])


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Task data as it is stored: where `{"$secret": "NAME"}` stands for a text that is known only at the start."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

SECRET = "$secret"  # noqa: S105 - the word that marks one

SECRET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

# What a schema can ask of a text beyond being one.
_ABOUT_TEXTS = ("const", "contentEncoding", "contentMediaType", "enum", "format", "maxLength", "minLength", "pattern")

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class Unknown(str):
    """Stands where a secret will; it is a text, and no more can be said of it yet."""

    __slots__ = ()


def is_secret(value: Any) -> bool:
    """Tell whether a value of task data names a secret; whether it does so properly, `workers.secrets` says."""
    return isinstance(value, dict) and SECRET in value


def names_secret(value: Any) -> bool:
    """Tell whether a value is a proper `{"$secret": "NAME"}`."""
    return is_secret(value) and len(value) == 1 and isinstance(value[SECRET], str)


def named_secrets(data: Any, *, path: str = "taskData") -> Iterator[tuple[str, str]]:
    """Yield where stored task data name which secret properly, in order."""
    if names_secret(data):
        yield path, data[SECRET]
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from named_secrets(value, path=f"{path}.{name}")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from named_secrets(value, path=f"{path}[{index}]")


def marked(data: Any) -> Any:
    """Return a copy of stored task data in which each proper `{"$secret": "NAME"}` is an Unknown text."""
    if names_secret(data):
        return Unknown(data[SECRET])
    if isinstance(data, dict):
        return {name: marked(value) for name, value in data.items()}
    if isinstance(data, list):
        return [marked(value) for value in data]
    return data


def lenient(kind: type[Validator]) -> type[Validator]:
    """Return a validator of the same draft that asks nothing of an Unknown but that a text may stand there.

    The worker checks once more at the start, strictly, with everything filled in.
    """
    about_texts = {name: _unless_unknown(kind.VALIDATORS[name]) for name in _ABOUT_TEXTS if name in kind.VALIDATORS}
    extended: type[Validator] = validators.extend(kind, about_texts)  # type: ignore[no-untyped-call]
    return extended


def _unless_unknown(keyword: Keyword) -> Keyword:
    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
        return iter(()) if isinstance(instance, Unknown) else keyword(validator, wanted, instance, schema)

    return check

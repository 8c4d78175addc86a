"""Keeps what other systems mean as two braces from being read as a template by a handler that fills them in."""

from typing import Any


def literal(value: Any) -> Any:
    """Return task data with the braces of all its texts doubled, which the handlers turn back."""
    if isinstance(value, str):
        return value.replace("{{", "{{{{")
    if isinstance(value, dict):
        return {name: literal(each) for name, each in value.items()}
    return [literal(each) for each in value] if isinstance(value, list) else value

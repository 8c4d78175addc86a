"""Follows the links of numbers, as somebody who clicks on them."""

from collections.abc import Iterator
from typing import Any

from tests.integration.conftest import Caller


def numbers(answer: Any) -> Iterator[dict[str, Any]]:
    """Yield every number in an answer that has a link."""
    inner = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else []
    if isinstance(answer, dict) and {"count", "link"} <= answer.keys():
        yield answer
    for part in inner:
        yield from numbers(part)


def listed(caller: Caller, link: str) -> int:
    """Return how many rows the list of a link has."""
    answer = caller.get(link)
    assert answer.status_code == 200, answer.content
    total: int = answer.json()["totalElements"]
    return total

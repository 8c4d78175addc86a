"""Test processes that run at once do not share what one platform has for itself."""

import pytest

from tests.servers import numbered


@pytest.mark.parametrize(
    ("url", "number", "own"),
    [
        ("redis://:secret@127.0.0.1:6379/0", 0, "redis://:secret@127.0.0.1:6379/0"),
        ("redis://:secret@127.0.0.1:6379/0", 1, "redis://:secret@127.0.0.1:6379/1"),
        ("redis://127.0.0.1:6379", 1, "redis://127.0.0.1:6379/1"),
        ("rediss://user:secret@redis:6380/4", 3, "rediss://user:secret@redis:6380/7"),
    ],
)
def test_each_process_has_a_redis_database_of_its_own(url: str, number: int, own: str):
    assert numbered(url, number) == own

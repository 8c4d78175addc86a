"""What pages cost: bytes with all that they load, and queries, each with a list that is full."""

import gzip
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler.models import Execution, Task
from tests.integration.query.pages.inhabited import inhabit
from tests.integration.query.pages.test_access import PAGES, path

MOST_BYTES = 150_000
MOST_QUERIES = 40
MINUTE = timedelta(minutes=1)


@pytest.fixture
def full(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> dict[str, Any]:
    """One of everything, and as many tasks as a page of a list holds, each with runs of every kind."""
    for number in range(50):
        task = new_task(f"Task with a name of some length {number}", intervalSeconds=600)
        for run, status in enumerate(("SUCCESS", "FAILED", "TIMED_OUT")):
            times = {"start_time": now - MINUTE, "end_time": now, "execution_time_ms": 100 * run + number}
            record(task, now - (5 * run + 1) * MINUTE, status=status, error_message="It burns\n" * 9, **times)
    return inhabit("default", new_task, record, now)


def cost(client: Client, page: str) -> tuple[int, int]:
    """Return how many bytes a page is with all that it loads, compressed, and how many queries it takes."""
    client.get(page)  # what a process works out once, it has
    with CaptureQueriesContext(
        connection,
    ) as queries:
        content = client.get(page).content
    loaded = re.findall(r'(?:src|href)="/static/([^"]+\.(?:js|css|svg))"', content.decode())
    sizes = (len(gzip.compress(Path(str(finders.find(one))).read_bytes())) for one in loaded)
    font = Path(str(finders.find("console/vendor/inter-latin.woff2"))).stat().st_size
    return len(gzip.compress(content)) + sum(sizes) + font, len(queries)


def test_a_page_is_small_and_takes_few_queries(admin_client: Client, full: dict[str, Any]) -> None:
    costs = {name: cost(admin_client, path(name, row, full)) for name, (_, row) in PAGES.items()}

    assert {name: size for name, (size, _) in costs.items() if size > MOST_BYTES} == {}
    assert {name: count for name, (_, count) in costs.items() if count > MOST_QUERIES} == {}

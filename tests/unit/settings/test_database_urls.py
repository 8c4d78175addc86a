"""How connections are opened to the database that a deployment has named."""

import pytest

from platform_scheduler.settings.environment import database


def _options(monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    monkeypatch.setenv("DATABASE_URL", url)
    return str(database("DATABASE_URL")["OPTIONS"]["options"])


def test_no_request_is_spread_over_workers_or_compiled(monkeypatch: pytest.MonkeyPatch):
    assert _options(monkeypatch, "postgresql://db/platform") == "-c jit=off -c max_parallel_workers_per_gather=0"


def test_what_a_url_says_itself_goes_before(monkeypatch: pytest.MonkeyPatch):
    url = "postgresql://db/platform?options=-c%20jit%3Don%20-c%20work_mem%3D8MB"
    assert _options(monkeypatch, url).endswith(" -c jit=on -c work_mem=8MB")

"""PostgreSQL's primary is lost and its copy promoted: all go on by themselves, and nothing is lost or doubled."""

from collections.abc import Iterator
from typing import cast

import pytest

from drill.definitions import Work
from drill.platform import Platform, Size, running
from tests.acceptance.failover import PairedEngines
from tests.acceptance.struck import Watched, every

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]


@pytest.fixture(scope="module")
def pair() -> Iterator[Platform]:
    """A web server, two schedulers and two workers on a primary with a copy."""
    with running(Size(children=3), engines=PairedEngines) as platform:
        yield platform


def test_it_goes_on_by_itself_when_the_copy_is_promoted(pair: Platform) -> None:
    watched = Watched(pair, [every(1, lasts=16, now=pair.now(), work=Work(seconds=0.3)) for _ in range(6)])
    watched.wait_for_rows(12, "SUCCESS")

    cast(PairedEngines, pair.engines).fail_over()
    pair.await_ready()
    registered = pair.call("POST", "/api/v1/tasks", {"name": "After the failover", "taskClass": "platform.noop"})
    verdict = watched.judged()

    assert registered.status == 201
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.recorded == verdict.expected > 6 * 12
    assert verdict.statuses["LOST"] == 0

"""A broker that is killed, emptied, frozen or cut off: claims go on, health says so, work resumes, nothing is lost."""

from collections.abc import Iterator
from random import Random

import pytest

from drill.faults import FAULTS, Fault
from drill.findings import Verdict
from drill.platform import Platform
from drill.run import await_calm
from tests.acceptance.struck import Watched, every

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

# Frozen for half a minute in `manage.py drill`; here until the platform has noticed and gone on without.
NAMES = ["restart-broker", "empty-broker", "freeze-broker", "half-open-broker"]
SLOTS_MEANWHILE = 6


class Away:
    """One outage of the broker, and what the schedulers said and did meanwhile."""

    def __init__(self, platform: Platform, name: str) -> None:
        watched = Watched(platform, [every(1, lasts=11, now=platform.now(), misfire_policy="SKIP") for _ in range(4)])
        watched.wait_for_rows(4, "SUCCESS")
        fault: Fault = FAULTS[name](platform, random=Random(1))
        fault.begin()
        began = platform.now()
        platform.wait_for(lambda: self._knows(platform), "both schedulers say that the broker is away", seconds=20)
        platform.wait_for(
            lambda: sum(row.scheduled_for > began for row in watched.rows()) >= SLOTS_MEANWHILE,
            "slots are recorded meanwhile",
            seconds=20,
        )
        self.ready = [platform.is_ready(name) for name in platform.schedulers]
        self.live = [platform.health(name, "live")[0] for name in platform.schedulers]
        self.web = platform.call("GET", "/api/v1/tasks").status
        fault.end()
        self.calm_after = await_calm(platform, watched.tasks)
        self.verdict: Verdict = watched.judged()

    @staticmethod
    def _knows(platform: Platform) -> bool:
        texts = [platform.metrics(name) for name in platform.schedulers]
        facts = [platform.health(name, "ready")[1] for name in platform.schedulers]
        return all("platform_scheduler_broker_reachable 0.0" in text for text in texts) and not any(
            fact["isBrokerReachable"] for fact in facts
        )


@pytest.fixture(scope="module", params=NAMES)
def away(struck_platform: Platform, request: pytest.FixtureRequest) -> Iterator[Away]:
    """The broker has been away, and is back."""
    yield Away(struck_platform, request.param)


def test_it_goes_on_without_and_says_so(away: Away) -> None:
    assert (away.ready, away.live, away.web) == ([True, True], [True, True], 200)


def test_it_records_slots_in_time_meanwhile(away: Away) -> None:
    assert away.verdict.largest_claim_lateness < 1.5


def test_it_resumes_by_itself_and_loses_nothing(away: Away) -> None:
    assert away.calm_after is not None
    assert [str(finding) for finding in away.verdict.findings] == []
    assert away.verdict.statuses.keys() <= {"SUCCESS", "LOST", "TIMED_OUT", "CANCELLED", "SKIPPED", "FAILED"}

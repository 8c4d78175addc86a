"""The engine against Quartz 2.3.2 itself: equal but for the differences that docs/schedules.md names."""

import pytest

from scheduler.engine.schedules.instants import seconds_of
from tests.quartz.compare import HANGS, REFUSED, differences, only_we_refuse, ours
from tests.quartz.texts import FIRST, Texts
from tests.unit.engine.schedules.cases import at

SEEDS = (1815, 1843, 2026)
CASES = 6000
SLIPS = 6000

NAME_STEPS = [
    ("0 0 0 ? * MON-FRI/2", "0 0 0 ? * MON-FRI"),
    ("0 0 0 ? * MON/2", "0 0 0 ? * MON"),
    ("0 0 0 1 FEB/4 ?", "0 0 0 1 FEB ?"),
]
READ_BY_ACCIDENT = [
    "0 0x5 0 * * ?",
    "0 0 22-2x * * ?",
    "0 1.5 0 * * ?",
    "0 5* 0 * * ?",
    "0 1,,2 0 * * ?",
    "*/0 0 0 * * ?",
    "0 99 0 * * ?",
    "0 0 0 1W,15W * ?",
    "0 0 0 ? * MONDAY",
    "0 0 0 * * ? 2026 extra",
]
# In Berlin the clock jumps over 02:00-03:00 on 29 March and shows it twice on 25 October.
CLOCK_CHANGES = [
    ("0 30 2 * * ?", "2026-03-28T12:00", "2026-03-29T01:00", "2026-03-30T00:30"),
    ("0 30 2 * * ?", "2026-10-24T12:00", "2026-10-25T00:30", "2026-10-25T01:30"),
    ("0 30 * * * ?", "2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T01:30"),
]
NEVER_RETURNED = ["0 0 0 0W * ?", "0 0 0 L-29W 2 ?"]


@pytest.mark.parametrize("seed", SEEDS)
def test_it_fires_when_quartz_fires(ask, seed):
    cases = Texts(seed).cases(CASES)
    assert differences(cases, ask(cases)) == []


def test_it_reads_a_slip_of_the_hand_as_quartz_does_or_refuses_it(ask):
    cases = [case for case in Texts(7).slips(SLIPS) if len(case[0].split()) in (6, 7)]
    found = differences(cases, ask(cases))
    assert [each for each in found if not only_we_refuse(each)] == []


def test_it_takes_the_step_after_a_name_that_quartz_ignores(ask):
    stepped = [(text, "UTC", FIRST) for text, _ in NAME_STEPS]
    plain = [(text, "UTC", FIRST) for _, text in NAME_STEPS]
    answers = ask(stepped)
    assert answers == ask(plain)
    assert all(ours(case) != answer for case, answer in zip(stepped, answers, strict=True))


def test_it_skips_a_short_month_where_quartz_fires_a_day_early(ask):
    case = ("0 0 0 29W 2 ? 2031", "UTC", FIRST)
    assert (ours(case), ask([case])) == ("none", ["1930003200 none"])


@pytest.mark.parametrize(("text", "after", "mine", "theirs"), CLOCK_CHANGES)
def test_it_fires_at_clock_changes_where_quartz_is_late(ask, text, after, mine, theirs):
    case = (text, "Europe/Berlin", seconds_of(at(after)))
    assert ours(case).split()[0] == str(seconds_of(at(mine)))
    assert ask([case])[0].split()[0] == str(seconds_of(at(theirs)))


@pytest.mark.parametrize("text", READ_BY_ACCIDENT)
def test_it_refuses_what_quartz_reads_by_accident(ask, text):
    case = (text, "UTC", FIRST)
    assert ours(case) == REFUSED
    assert not ask([case])[0].startswith(REFUSED)


def test_it_answers_where_quartz_never_returns(ask):
    cases = [(text, "UTC", FIRST) for text in NEVER_RETURNED]
    assert ask(cases) == [HANGS, HANGS]
    assert [ours(case) for case in cases] == [REFUSED, "none"]

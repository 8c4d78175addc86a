"""The table of states: every state is reached, every end is final."""

import pytest

from scheduler.engine.states import ARROWS, FINAL, OPEN, Reason, Status

LONGEST_WORD = 50


def test_it_divides_all_states_into_open_and_final():
    assert (OPEN | FINAL, OPEN & FINAL) == (frozenset(Status), frozenset())


@pytest.mark.parametrize("status", Status)
def test_it_reaches_every_state(status: Status):
    assert [arrow for arrow in ARROWS if arrow.target is status]


@pytest.mark.parametrize("status", sorted(FINAL))
def test_it_leaves_no_final_state(status: Status):
    assert not [arrow for arrow in ARROWS if arrow.source is status]


@pytest.mark.parametrize("status", sorted(OPEN))
def test_it_leads_every_open_state_on_to_a_final_one(status: Status):
    reached = {status}
    for _ in Status:
        reached |= {arrow.target for arrow in ARROWS if arrow.source in reached}
    assert reached & FINAL


def test_it_draws_no_arrow_twice():
    pairs = [(arrow.source, arrow.target, arrow.actor) for arrow in ARROWS]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (None, Status.RUNNING),
        (Status.QUEUED, Status.SUCCESS),
        (Status.SCHEDULED, Status.RUNNING),
        (Status.SUCCESS, Status.RUNNING),
        (Status.LOST, Status.SUCCESS),
        (Status.RUNNING, Status.SCHEDULED),
    ],
)
def test_it_permits_no_other_arrow(source: Status | None, target: Status):
    assert (source, target) not in [(arrow.source, arrow.target) for arrow in ARROWS]


@pytest.mark.parametrize("word", [*Status, *Reason])
def test_it_uses_words_that_fit_their_columns(word: str):
    assert len(word) <= LONGEST_WORD

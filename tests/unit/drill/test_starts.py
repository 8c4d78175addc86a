"""The checker of starts and fences, with planted faults: each must be seen."""

from dataclasses import replace
from uuid import UUID

from drill.history import Row
from tests.unit.drill.cast import SECOND, SLOTS, altered, healthy, kinds, noted, row, verdict


def test_it_sees_a_second_start():
    rows = healthy()
    notes = [*(noted(one) for one in rows), noted(rows[2], pid=200)]
    assert kinds(verdict(rows, notes=notes)) == ["started twice"]


def test_it_does_not_take_an_end_for_a_start():
    rows = healthy()
    notes = [*(noted(one) for one in rows), *(noted(one, event="ended") for one in rows)]
    assert verdict(rows, notes=notes).starts == 5


def test_it_sees_a_start_under_another_fence():
    rows = healthy()
    notes = [noted(one) for one in rows[:4]] + [noted(rows[4], fence=1)]
    assert kinds(verdict(rows, notes=notes)) == ["fence"]


def test_it_sees_a_success_that_no_handler_has_begun():
    rows = healthy()
    assert kinds(verdict(rows, notes=[noted(one) for one in rows[1:]])) == ["not started"]


def test_it_sees_a_handler_that_began_what_was_skipped():
    rows = altered(healthy(), 1, status="SKIPPED", reason="overlap", start_time=None)
    found = verdict(rows, overlap_policy="SKIP", notes=[noted(one) for one in rows])
    assert kinds(found) == ["unexpected"]


def test_it_sees_a_handler_that_began_what_history_does_not_know():
    rows = healthy()
    notes = [*(noted(one) for one in rows), replace(noted(rows[0]), execution=UUID(int=99_999))]
    assert kinds(verdict(rows, notes=notes)) == ["unexpected"]


def test_it_sees_a_fence_that_goes_back():
    assert kinds(verdict(altered(healthy(), 3, fence=1))) == ["fence"]


def _waited_in_a_bundle(rows: list[Row]) -> list[Row]:
    """Return the rows where the second was won before the third and begun after it had ended."""
    begun_at, fence = rows[2].end_time, rows[2].fence
    assert begun_at is not None
    assert fence is not None
    late = {"start_time": begun_at + SECOND, "end_time": begun_at + 2 * SECOND, "fence": fence - 1}
    return altered(rows, 1, due_at=rows[2].due_at, queued_at=rows[2].queued_at, **late)


def test_it_allows_what_may_overlap_to_wait_in_a_bundle_behind_a_run_that_was_won_later():
    assert "fence" not in kinds(verdict(_waited_in_a_bundle(healthy())))


def test_it_sees_an_older_fence_in_what_was_queued_after_a_run_had_ended():
    rows = _waited_in_a_bundle(healthy())
    assert "fence" in kinds(verdict(altered(rows, 1, queued_at=rows[1].start_time)))


def test_it_sees_an_older_fence_wherever_runs_may_not_overlap():
    assert "fence" in kinds(verdict(_waited_in_a_bundle(healthy()), overlap_policy="SKIP"))


def test_it_sees_a_retry_with_an_older_fence():
    first, again = row(SLOTS[0], status="FAILED", fence=150_000), row(SLOTS[0], attempt=2, fence=149_000)
    assert kinds(verdict([first, again, *healthy()[1:]])) == ["fence"]


def test_it_sees_a_fence_that_two_executions_share():
    rows = altered(healthy(), 3, fence=healthy()[4].fence)
    assert "fence" in kinds(verdict(rows))


def test_it_allows_two_that_run_at_once_to_draw_in_either_order():
    rows = altered(healthy(), 1, end_time=SLOTS[2] + SECOND, fence=900_000)
    rows = altered(rows, 3, fence=902_000)
    assert verdict(altered(rows, 4, fence=903_000)).findings == []

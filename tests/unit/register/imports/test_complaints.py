"""How what could not be carried over is told."""

from register.imports.complaints import told


def test_it_tells_a_few_one_by_one():
    complaints = ["a:1: Too odd.", "a:2: Odder: a colon.", "a:3: Too odd."]

    assert list(told(complaints)) == ["a:1: Too odd.", "a:3: Too odd.", "a:2: Odder: a colon."]


def test_it_tells_what_many_share_once_with_their_places():
    complaints = [f"a:{line}.taskClass: Unknown." for line in range(1, 5)]

    assert list(told(complaints)) == [
        "Unknown. (4 jobs)",
        "  a:1.taskClass, a:2.taskClass, a:3.taskClass, a:4.taskClass",
    ]


def test_it_counts_places_beyond_a_hundred():
    lines = list(told(f"a:{line}: Unknown." for line in range(1_101)))

    assert lines[0] == "Unknown. (1,101 jobs)"
    assert lines[1].endswith("a:99 and 1,001 more")

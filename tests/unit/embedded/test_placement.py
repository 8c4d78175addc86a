"""Where PostgreSQL's data lies, and DATA_DIRs that were moved, copied or damaged."""

import pytest

from platform_scheduler.embedded import placement
from platform_scheduler.embedded.account import Account
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.placement import left_behind, place_postgres
from platform_scheduler.embedded.state import State

NOBODY = Account(name="nobody", uid=65534, gid=65534)


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


@pytest.fixture
def data_dir(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def closed(monkeypatch):
    monkeypatch.setattr(placement, "can_reach", lambda account, folder: False)


def outside(shared, *, owner):
    data = shared / "abc-1" / "postgres"
    data.mkdir(parents=True)
    (data.parent / "owner").write_text(f"{owner}\n")
    return data


def test_it_lies_in_the_data_dir_of_an_ordinary_user(data_dir, shared):
    assert place_postgres(data_dir, State(), None, shared_root=shared) == data_dir / "postgres"


def test_it_lies_outside_where_its_user_cannot_get_in(data_dir, shared, closed):
    place = place_postgres(data_dir, State(), NOBODY, shared_root=shared)
    assert place.is_relative_to(shared)


def test_it_leaves_an_earlier_database_alone(data_dir, shared, closed):
    first = place_postgres(data_dir, State(), NOBODY, shared_root=shared)
    first.mkdir(parents=True)
    assert place_postgres(data_dir, State(), NOBODY, shared_root=shared) != first
    assert left_behind(data_dir, shared_root=shared) == [first.parent]


def test_it_goes_with_a_data_dir_that_is_moved(data_dir, shared):
    (data_dir / "postgres").mkdir()
    state = State(postgres_data="postgres", has_database=True)
    assert place_postgres(data_dir, state, None, shared_root=shared) == data_dir / "postgres"


def test_it_stays_outside_when_its_data_dir_is_moved(data_dir, shared):
    data = outside(shared, owner="/somewhere/that/is/gone")
    state = State(postgres_data=str(data), has_database=True)
    assert place_postgres(data_dir, state, NOBODY, shared_root=shared) == data


def test_it_refuses_a_copy_of_a_data_dir_that_is_still_there(data_dir, shared, tmp_path):
    original = tmp_path / "original"
    original.mkdir()
    State().save(original)
    state = State(postgres_data=str(outside(shared, owner=original)), has_database=True)
    with pytest.raises(CannotStart, match=f"is a copy of {original}"):
        place_postgres(data_dir, state, NOBODY, shared_root=shared)


def test_it_refuses_to_replace_a_database_that_is_gone(data_dir, shared):
    state = State(postgres_data="postgres", has_database=True)
    with pytest.raises(CannotStart, match="is gone: put it back"):
        place_postgres(data_dir, state, None, shared_root=shared)


def test_it_refuses_a_database_whose_password_is_lost(data_dir, shared):
    (data_dir / "postgres").mkdir()
    with pytest.raises(CannotStart, match=r"state\.json is missing"):
        place_postgres(data_dir, State(), None, shared_root=shared)

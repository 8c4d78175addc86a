"""What a DATA_DIR remembers."""

import stat

import pytest

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.state import State


def test_it_reads_back_what_it_has_written(tmp_path):
    state = State(ports={"web": 1}, postgres_data="postgres", has_database=True)
    state.save(tmp_path)
    assert State.load(tmp_path) == state


def test_it_makes_other_secrets_for_each_data_dir():
    assert State().postgres_password != State().postgres_password
    assert State().secret_key != State().secret_key


def test_it_makes_a_secret_key_that_the_settings_accept():
    assert len(State().secret_key) >= 50


def test_it_keeps_its_file_to_its_owner(tmp_path):
    State().save(tmp_path)
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_it_leaves_no_other_file_behind(tmp_path):
    State().save(tmp_path)
    State().save(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ports": {}}', "\x00"])
def test_it_refuses_a_damaged_file_in_one_line(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(CannotStart, match=r"is damaged.*backup") as refusal:
        State.load(tmp_path)
    assert "\n" not in str(refusal.value)

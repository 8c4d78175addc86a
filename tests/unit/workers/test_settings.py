"""What the handlers' settings are read from."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from platform_scheduler.settings.environment import json_object, name_lists


@pytest.mark.parametrize(("text", "value"), [("", {}), ("{}", {}), ('{"a": {"b": 1}}', {"a": {"b": 1}})])
def test_it_reads_objects(monkeypatch, text, value):
    monkeypatch.setenv("SOME_SETTING", text)
    assert json_object("SOME_SETTING") == value


def test_it_takes_a_missing_variable_for_an_empty_object():
    assert json_object("SOME_SETTING") == {}


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "redis://:hidden@host", '{"a": hidden}'])
def test_it_refuses_what_is_no_object_and_repeats_nothing_of_it(monkeypatch, text):
    monkeypatch.setenv("SOME_SETTING", text)
    with pytest.raises(ImproperlyConfigured, match="SOME_SETTING") as refusal:
        json_object("SOME_SETTING")
    assert "hidden" not in str(refusal.value)


def test_it_reads_lists_of_names(monkeypatch):
    monkeypatch.setenv("SOME_SETTING", '{"payments": ["TOKEN"]}')
    assert name_lists("SOME_SETTING") == {"payments": ["TOKEN"]}


@pytest.mark.parametrize("text", ['{"payments": "TOKEN"}', '{"payments": [1]}', '{"payments": {"TOKEN": 1}}'])
def test_it_refuses_a_text_in_place_of_a_list(monkeypatch, text):
    monkeypatch.setenv("SOME_SETTING", text)
    with pytest.raises(ImproperlyConfigured, match="payments"):
        name_lists("SOME_SETTING")

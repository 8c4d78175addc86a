"""register.formats.yaml_file."""

from io import BytesIO, StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.formats import yaml_file
from register.formats.record import UnreadableFile

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=10)


def _fields(text: str | bytes) -> list[Any]:
    return [record.fields for record in yaml_file.read(BytesIO(text.encode() if isinstance(text, str) else text))]


def _faults(text: str) -> list[str]:
    return [fault.message for record in yaml_file.read(BytesIO(text.encode())) for fault in record.faults]


def _written(*records: Any) -> str:
    out = StringIO()
    yaml_file.write(records, out)
    return out.getvalue()


@pytest.mark.parametrize("text", ["- {a: 1}", "tasks: [{a: 1}]", "tasks:\n- a: 1\n", "\ufeff- a: 1", '[{"a": 1}]'])
def test_it_reads_one_list(text: str) -> None:
    assert _fields(text) == [{"a": 1}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("06:00:00", "06:00:00"), ("2031-01-01T06:00:00Z", "2031-01-01T06:00:00Z"),
        ("true", True), ("~", None), ("", None), ("12", 12), ("-0.5", -0.5), ("1e3", 1000.0), ("'5'", "5"),
        ("!!str 5", "5"), ("|\n    a\n    b\n", "a\nb\n"), ("0x1f", "0x1f"),
    ],
)  # fmt: skip
def test_it_reads_scalars_as_yaml_1_2_has_them(text: str, value: Any) -> None:
    assert _fields(f"- a: {text}") == [{"a": value}]


@given(st.lists(st.dictionaries(_TEXTS, _VALUES, min_size=1), max_size=3))
def test_it_reads_back_what_it_writes(records: list[dict[str, Any]]) -> None:
    assert _fields(_written(*records)) == records


@pytest.mark.parametrize(
    "text",
    ["no", "1e3", "0o14", "012", "1:30", ".5", "", "~", "- x", "a: b", "=1", "\x85", "\u2028", "a\n\nb ", "'", "😀"],
)
def test_it_reads_back_texts_that_look_like_something_else(text: str) -> None:
    assert _fields(_written({"a": text})) == [{"a": text}]


def test_it_writes_what_people_read() -> None:
    assert _written({"name": "One", "labels": {"b": "no"}}, {"name": "Zwei", "description": "a\nb\n"}) == (
        "tasks:\n- name: One\n  labels:\n    b: 'no'\n\n- name: Zwei\n  description: |\n    a\n    b\n"
    )


def test_it_writes_an_empty_list() -> None:
    assert _written() == "tasks: []\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {a: 1, a: 2}", "line 1: the name 'a' stands twice in one object."),
        ("- a: &x 1", "line 1: anchors and aliases (& and *) are not taken: write it out."),
        ("- {a: &x 1, b: *x}", "line 1: anchors and aliases (& and *) are not taken: write it out."),
        ("- !!python/object:os.system x", "line 1: tags (!) are not taken."),
        ("- {[a]: 1}", "line 1: a name must be a text."),
        ("- a: .nan", "line 1: .nan is no number of JSON."),
        ("- a: 1e999", "line 1: a number is too large."),
        (f"- a: {'9' * 5000}", "line 1: a number is too large."),
    ],
)
def test_it_names_what_is_wrong_with_a_record(text: str, message: str) -> None:
    assert _faults(text) == [message]


def test_it_reads_on_after_a_bad_record() -> None:
    assert _fields("- {a: 1, a: 2}\n- {b: 1}") == [None, {"b": 1}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (b"# nothing\n", "it is empty"),
        (b"5", "must hold a list"),
        (b"{}", "must hold a list"),
        (b"tasks: 5", "`tasks` must be a list"),
        (b"tasks: []\nmore: 1", "line 2: beside one list under `tasks` there may be nothing"),
        (b"tasks: []\ntasks: []", "line 2: beside"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\ntasks: [*b]", "line 1: beside"),
        (b"- {", "line 2: did not find"),
        (b"- a\n---\n- b\n", "line 2: it may hold one document only"),
        (b"- a: 1\n- \xff", "line 2: it is not UTF-8"),
        (b"\xff\xfe-\x00", "it is UTF-16; save it as UTF-8"),
        (b"- a\x00", "not allowed"),
        (b"- " + b"[" * 100, "nested more than 64 levels"),
        (b"- " + b"[" * 100_000, "nested more than 64 levels"),
        (b"- " + b"x" * 10_000_000, "line 1 is longer than 1 MiB"),
        (b"- |\n" + b"  long\n" * 500_000, "a task is longer than 1 MiB"),
    ],
)  # fmt: skip
def test_it_refuses_a_bad_file(text: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        _fields(text)


def test_it_reads_many_small_records_without_end() -> None:
    assert len(_fields(b"- {name: a task, description: some words of it}\n" * 50_000)) == 50_000

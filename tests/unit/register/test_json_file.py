"""register.formats.json_file and ndjson_file."""

from io import BytesIO, StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.formats import json_file, ndjson_file
from register.formats.lines import CHUNK_BYTES
from register.formats.record import UnreadableFile

_RECORDS = st.lists(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")) | st.integers()),
    max_size=5,
)


def _fields(text: bytes, reader: Any = json_file) -> list[Any]:
    return [record.fields for record in reader.read(BytesIO(text))]


def _faults(text: bytes, reader: Any = json_file) -> list[str]:
    return [fault.message for record in reader.read(BytesIO(text)) for fault in record.faults]


def _written(records: Any, writer: Any = json_file) -> bytes:
    out = StringIO()
    writer.write(records, out)
    return out.getvalue().encode()


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b'[{"a": 1}, 5, "x"]', [{"a": 1}, 5, "x"]),
        (b' {"tasks" : [ {"a": 1} ] } \n', [{"a": 1}]),
        (b'\xef\xbb\xbf[{"a": 1}]', [{"a": 1}]),
        (b"[ ]", []),
    ],
)
def test_it_reads_one_list(text: bytes, fields: list[Any]) -> None:
    assert _fields(text) == fields


@given(_RECORDS)
def test_it_reads_back_what_it_writes(records: list[dict[str, Any]]) -> None:
    assert _fields(_written(records)) == records


@pytest.mark.parametrize("size", range(CHUNK_BYTES - 16, CHUNK_BYTES + 2))
def test_it_reads_on_where_a_piece_ends(size: int) -> None:
    assert _fields(b'["' + b"x" * (size - 14) + b'", {"a": "\xc3\xa4"}, 123, {}]')[1:] == [{"a": "ä"}, 123, {}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'[{"a": 1, "a": 2}]', "The name 'a' stands twice in one object."),
        (b'[{"a": NaN}]', "NaN is no JSON value."),
        (b'[{"a": ' + b"9" * 5000 + b"}]", "A number has too many digits."),
        (b'["\\ud800"]', "A text holds half of a surrogate pair, which is no character."),
        (b'[{"a": ' + b"[" * 100 + b"]" * 100 + b"}]", "It is nested more than 64 levels deep."),
    ],
)
def test_it_names_what_is_wrong_with_a_record(text: bytes, message: str) -> None:
    assert _faults(text) == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (b" ", "must hold a list"),
        (b"null", "must hold a list"),
        (b"[", "line 1: it is not JSON"),
        (b'\n[\n{"a":\n tru}]', "line 4: it is not JSON"),
        (b'[{"a": 1}', "a comma or the end of the list is missing"),
        (b'[{"a": 1},]', "it is not JSON"),
        (b"[]\n]", "line 2: something follows after the end"),
        (b'{"tasks": [], "more": 1}', "beside one list under `tasks` there may be nothing"),
        (b'{"more": []}', "must begin with `tasks`"),
        (b'[\n"\xff"]', "line 2: it is not UTF-8"),
        (b'["\xc3', "line 1: it is not UTF-8"),
        (b"[" * 100_000, "nested more than 64 levels"),
        (b'["' + b"x" * 10_000_000 + b'"]', "a task is longer than 1 MiB"),
        (b"\xff\xfe[\x00", "it is UTF-16"),
    ],
)
def test_it_refuses_a_bad_file(text: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        _fields(text)


def test_it_takes_ten_megabytes_of_records_in_one_line() -> None:
    assert len(_fields(b"[" + b",".join([b'{"a": "%s"}' % (b"x" * 1000)] * 10_000) + b"]")) == 10_000


def test_it_reads_a_record_a_line() -> None:
    assert _fields(b'{"a": 1}\n\r\n{"a": 2}\r\n5', ndjson_file) == [{"a": 1}, {"a": 2}, 5]


@given(_RECORDS.filter(bool))
def test_it_reads_back_the_lines_that_it_writes(records: list[dict[str, Any]]) -> None:
    assert _fields(_written(records, ndjson_file), ndjson_file) == records


def test_a_bad_line_is_a_bad_record() -> None:
    assert _faults(b'{"a": 1}\n{\n{"a": 1, "a": 2}', ndjson_file) == [
        "line 2: Expecting property name enclosed in double quotes at line 2, column 1.",
        "line 3: The name 'a' stands twice in one object.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b'{}\n"\xff"', "line 2: it is not UTF-8"),
        (b"{}\n" + b"x" * 10_000_000, "line 2 is longer than 1 MiB"),
    ],
)
def test_it_refuses_a_bad_file_of_lines(text: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        _fields(text, ndjson_file)

"""register.formats.csv_file."""

from io import BytesIO, StringIO
from typing import Any

import pytest

from register.formats import csv_file
from register.formats.record import Record, UnreadableFile


def _read(text: str | bytes) -> list[Record]:
    return list(csv_file.read(BytesIO(text.encode() if isinstance(text, str) else text)))


def _written(**fields: Any) -> str:
    out = StringIO()
    csv_file.write([fields], out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("name", "Tidy up", "Tidy up"),
        ("name", "5", "5"),
        ("priority", "5", 5),
        ("priority", "high", "high"),
        ("priority", "5.0", "5.0"),
        ("allowUnknownTaskClass", "TRUE", True),
        ("allowUnknownTaskClass", "yes", "yes"),
        ("taskData", '"{""a"": 1}"', '{"a": 1}'),
        ("labels", '"{""a"": ""1""}"', {"a": "1"}),
        ("retryOn", '"[""LOST""]"', ["LOST"]),
        ("retryPolicy", '"{""backoff"": ""FIXED""}"', {"backoff": "FIXED"}),
        ("cronExpression", "'@hourly", "@hourly"),
        ("description", '"a\nb, ""c"""', 'a\nb, "c"'),
        ("description", "'", ""),
    ],
)
def test_it_reads_a_cell_as_its_field_has_it(column: str, cell: str, value: Any) -> None:
    assert _read(f"queue,{column}\nq,{cell}\n")[0].fields == {"queue": "q", column: value}


def test_an_empty_cell_is_an_absent_field() -> None:
    assert _read("name,owner\nOne,\n")[0].fields == {"name": "One"}


def test_it_reads_what_a_spreadsheet_saves() -> None:
    assert _read("\ufeffname,owner\r\nOne,Ada\r\n\r\n")[0].fields == {"name": "One", "owner": "Ada"}


def test_a_header_alone_is_no_record() -> None:
    assert _read("name,owner\n") == []


def test_a_cell_that_holds_no_json_is_a_fault_of_its_field() -> None:
    record = _read("name,labels\nOne,{\n")[0]
    assert ([fault.field for fault in record.faults], record.fields) == (["labels"], {"name": "One"})


def test_a_line_with_too_many_cells_is_a_bad_record() -> None:
    assert _read("name,owner\nOne,Ada,5\n")[0].faults[0].message == "This line has 3 cells, the header 2."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"name,name\n", "names the column 'name' twice"),
        (b"name,ownr\n", "column 'ownr': There is no such field. Did you mean"),
        (b"name,id\n", "column 'id': This is the platform's to say"),
        (b"name;owner\n", "column 'name;owner'"),
        (b"name\nM\xfcller\n", "line 2: it is not UTF-8"),
        (b'name\n"One', "unexpected end of data"),
        (b"name\n" + b"x" * 10_000_000, "line 2 is longer than 1 MiB"),
        (b'name\n"' + b"x\n" * 1_000_000, "field larger than field limit"),
        (b"\xff\xfen\x00", "it is UTF-16"),
    ],
)
def test_it_refuses_a_bad_file(text: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        _read(text)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@hourly", "\t=1", "\r=1", "\n=1", "  =1", "'quoted'", "'=1", "\uff1d1", '=cmd|"/C calc"!A0'],
)
def test_it_writes_no_cell_that_a_spreadsheet_would_run(text: str) -> None:
    assert _written(description=text).splitlines()[1].lstrip(',"')[0] == "'"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "@hourly", "\t=1", "\r\n=1", "'quoted'", "''", "'", "", "a,b", 'a"b', "a\nb", " a ", "ä€😀", "null", "5"],
)
def test_it_reads_back_the_text_that_it_writes(text: str) -> None:
    assert _read(_written(description=text))[0].fields == {"description": text}


def test_it_reads_back_nested_fields() -> None:
    fields = {"name": "=One", "taskData": {"a": [1, None]}, "labels": {"=k": "v"}, "retryOn": []}
    assert _read(_written(**fields))[0].fields == fields | {"taskData": '{"a": [1, null]}'}

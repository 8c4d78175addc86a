"""The line of a log that tells what went wrong."""

import pytest

from platform_scheduler.embedded.logs import Log, last_fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ('FATAL:  no "x"\nLOG:  database system is shut down', 'FATAL:  no "x"'),
        ("ERROR:  no such table\nSTATEMENT:  SELECT 1", "ERROR:  no such table"),
        ("initdb: error: no space\ninitdb: removing contents", "initdb: error: no space"),
        ("2026-01-01 00:00:00,000 INFO 7 workers: It is there.", ""),
        ("OSError: no\n2026-01-01 00:00:00,000 INFO 7 workers: It ends.", "OSError: no"),
        (
            "FATAL:  terminating connection due to unexpected postmaster exit\npostgres: no such file",
            "postgres: no such file",
        ),
        ("FATAL:  no space\nFATAL:  the database system is starting up", "FATAL:  no space"),
        ("FATAL:  no space\nFATAL:  the database system is not yet accepting connections", "FATAL:  no space"),
        ("Traceback (most recent call last):\n  File x\nValueError: what", "ValueError: what"),
    ],
)
def test_it_picks_the_line_that_tells(text, line):
    assert last_fault(text.splitlines()) == line


def test_it_quotes_nothing_of_an_earlier_start(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("FATAL: yesterday\n")
    log = Log(path)
    with path.open("a") as file:
        file.write("today\n")
    assert log.complaint() == f"today (log: {path})"


def test_it_reads_a_log_that_was_rotated(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("a long line of yesterday\n")
    log = Log(path)
    path.write_text("today\n")
    assert log.complaint().startswith("today ")


def test_it_can_do_without_any_word(tmp_path):
    assert Log(tmp_path / "x.log").complaint() == f"no word of why (log: {tmp_path / 'x.log'})"

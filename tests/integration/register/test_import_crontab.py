"""`manage.py import_crontab`."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from scheduler import clock
from scheduler.models import Handler, Task
from tests.integration.register.filing import Said, command, register
from workers.handlers import shell

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
CRONTAB = """\
MAILTO=ops@example.com
# Dumps the billing database.
30 2 * * * /usr/local/bin/dump-billing > /dev/null 2>&1
0 9 * * 1-5 /opt/digest --day "$(date +\\%F)"
"""

Import = Callable[..., Said]

pytestmark = pytest.mark.usefixtures("shell_handler", "at_noon")


@pytest.fixture
def shell_handler(handlers: dict[str, Handler], now: datetime) -> None:
    """A worker runs commands."""
    Handler.objects.create(
        task_class="platform.shell", schema=shell.SCHEMA, defaults={}, queues=["default"], node_id="w", seen_at=now
    )


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    """Imports a crontab, with further arguments."""

    def run(text: str | bytes, *more: object) -> Said:
        path = tmp_path / "crontab"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        said = command("import_crontab", path, "--time-zone", "Europe/Berlin", *more)
        out, err = ([line.replace(f"{tmp_path}/", "") for line in lines] for lines in (said.out, said.err))
        return Said(out, err, said.failure)

    return run


def test_it_prints_the_plan_and_writes_nothing(imported: Import) -> None:
    assert imported(CRONTAB, "--cwd", "/srv") == Said(
        [
            "create     default//usr/local/bin/dump-billing",
            "           next slots: 2026-11-26T01:30:00Z, 2026-11-27T01:30:00Z, 2026-11-28T01:30:00Z",
            'create     default//opt/digest --day "$(date +%F)"',
            "           next slots: 2026-11-26T08:00:00Z, 2026-11-27T08:00:00Z, 2026-11-30T08:00:00Z",
            "",
            "Slots compared with cron, the next 1,000, and the coming year's clock changes:",
            "  2 of 2 tasks: the same",
            "",
            "To know:",
            "  - MAILTO=ops@example.com: no mail is sent here. Output stands in each execution's log, and what fails "
            "in the metrics and the dashboard. (2 jobs)",
            "",
            "Dry run: 2 created, 0 updated, 0 unchanged. Nothing was written; --apply does.",
        ],
        [],
    )
    assert not Task.objects.exists()


def test_it_registers_when_told_to(imported: Import) -> None:
    said = imported(CRONTAB, "--apply", "--namespace", "web-1", "--owner", "ops")
    assert said.out[-2:] == [
        "2 created, 0 updated, 0 unchanged",
        "cron still runs them, too: comment the lines out there.",
    ]
    task = Task.objects.get(name="/usr/local/bin/dump-billing")
    assert (task.namespace, task.owner, task.description) == ("web-1", "ops", "Dumps the billing database.")
    assert task.labels == {"imported-from": "crontab", "registered-by": "ops"}
    assert (task.cron_expression, task.time_zone, task.max_retry_count) == ("30 2 * * *", "Europe/Berlin", 0)


@pytest.mark.parametrize("more", [(), ("--apply",)])
def test_a_second_import_changes_nothing(imported: Import, more: Any) -> None:
    imported(CRONTAB + CRONTAB, "--apply")
    versions = set(Task.objects.values_list("name", "version"))

    assert "0 created, 0 updated, 4 unchanged" in imported(CRONTAB + CRONTAB, "--mode", "upsert", *more).summary
    assert set(Task.objects.values_list("name", "version")) == versions


def test_a_bad_line_is_told_with_its_place_and_stops_no_other(imported: Import) -> None:
    said = imported("@reboot x\n0 25 * * * y\n0 5 * * * z\n", "--apply")
    assert said.err[1].startswith("  crontab:1: @reboot runs when the machine starts")
    assert said.err[2] == "  crontab:2.cronExpression: Hour: 25 is out of range; use 0 to 23."
    assert said.failure == "2 could not be carried over; the lines above say why."
    assert list(Task.objects.values_list("name", flat=True)) == ["z"]


def test_it_shows_where_cron_would_fire_at_other_times(imported: Import) -> None:
    out = imported("*/10 2 * * * x\n").out
    assert out[3:8] == [
        "Slots compared with cron, the next 1,000, and the coming year's clock changes:",
        "  0 of 1 tasks: the same",
        "  crontab:1  x",
        "      7 slots differ: the clock changes then",
        "        Sun 2027-03-28  cron: nothing   here: 03:00 +0200",
    ]


def test_it_compares_as_many_as_one_likes(imported: Import) -> None:
    assert "Slots" not in "".join(imported(CRONTAB, "--slots", "0").out)


def test_it_reads_the_system_crontab(imported: Import) -> None:
    said = imported("@daily root x\n@daily ada y\n", "--system", "--queue", "cron-{user}", "--apply")
    assert said.failure is None
    assert set(Task.objects.values_list("name", "queue")) == {("x", "cron-root"), ("y", "cron-ada")}


def test_what_it_writes_is_what_register_tasks_reads(imported: Import, tmp_path: Path) -> None:
    said = imported(CRONTAB + "@reboot x\n", "--output", tmp_path / "tasks.yaml")
    assert "Tasks written to tasks.yaml: 2" in said.out
    assert register(tmp_path / "tasks.yaml").summary == "2 created, 0 updated, 0 unchanged"
    assert "2 unchanged" in imported(CRONTAB, "--mode", "upsert").summary


def test_another_handler_gets_the_same_task_data(imported: Import) -> None:
    imported("@daily x {{y}}\n", "--task-class", "platform.noop", "--apply")
    task = Task.objects.get()
    assert task.task_class == "platform.noop"
    assert task.task_data == '{"argv": ["/bin/sh", "-c", "x {{y}}"]}'


def test_it_says_how_to_register_ahead_of_the_workers(imported: Import) -> None:
    said = imported("@daily x\n", "--task-class", "acme.run")
    assert said.err[-1] == "  --allow-unknown-task-class sets it for all; or start workers that have the class."
    assert imported("@daily x\n", "--task-class", "acme.run", "--allow-unknown-task-class").failure is None


@pytest.mark.parametrize(
    "text",
    [
        "0 5 * * * écho 你好\r\n# ü\r\n0 6 * * * z\r\n".encode(),
        b"\xef\xbb\xbf0 5 * * * x\n0 6 * * * y",
        b"\n\n\t\n0 5 * * * x\n  0 6 * * * y  \n",
    ],
)
def test_it_reads_what_editors_leave_behind(imported: Import, text: bytes) -> None:
    said = imported(text)
    assert (said.failure, "2 created" in said.summary) == (None, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "crontab: it is empty."),
        (b"@daily \xff\n", "line 1: it is not UTF-8"),
        (b"@daily " + b"x" * 1_100_000, "line 1 is longer than 1 MiB."),
    ],
)
def test_it_says_why_a_file_cannot_be_read(imported: Import, text: bytes, said: str) -> None:
    assert said in str(imported(text, "--apply").failure)


def test_a_missing_file_stops_before_anything_is_registered(tmp_path: Path) -> None:
    (tmp_path / "crontab").write_text(CRONTAB)
    said = command("import_crontab", tmp_path / "crontab", tmp_path / "nowhere", "--apply")
    assert said.failure == f"{tmp_path}/nowhere: it cannot be read: No such file or directory."
    assert not Task.objects.exists()


def test_a_command_may_not_move_the_cursor(imported: Import) -> None:
    said = imported("@daily echo \x1b[2J\n@reboot \x1b[2J\n")
    assert "\x1b" not in "".join(said.out + said.err)


def test_it_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"@daily x\n@reboot y\n")))
    said = command("import_crontab", "-")
    assert "1 created" in said.summary
    assert said.err[0] == "Times without a zone are taken to be UTC; --time-zone says another one."
    assert said.err[2].startswith("  standard input:2: @reboot")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--time-zone", "Europe/Berlim"], "Europe/Berlin"),
        (["--slots", "-1"], "'-1' is not 0 to 1000"),
        (["--slots", "1001"], "'1001' is not 0 to 1000"),
        (["--slots", "many"], "'many' is not 0 to 1000"),
        (["--mode", "merge"], "invalid choice"),
    ],
)
def test_it_refuses_options_that_say_nothing(arguments: list[str], said: str) -> None:
    assert said in str(command("import_crontab", "-", *arguments).failure)

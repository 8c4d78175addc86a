"""register.imports.crontab and crontab_tasks: from lines to records."""

import subprocess
from typing import Any

import pytest

from register.imports.crontab import Entry, SwitchedOff, Unreadable, entries
from register.imports.crontab_tasks import Choices, Converter
from register.imports.item import Item, LeftOut, Remark


def _entries(text: str, *, has_user: bool = False) -> list[Any]:
    return list(entries(text.splitlines(keepends=True), has_user=has_user))


def _read(text: str, *, has_user: bool = False, **choices: Any) -> list[Any]:
    converter = Converter(Choices(**choices))
    return list(converter.read(entries(text.splitlines(), has_user=has_user), file="crontab"))


def _fields(text: str, **choices: Any) -> dict[str, Any]:
    fields: dict[str, Any] = next(each for each in _read(text, **choices) if isinstance(each, Item)).record.fields
    return fields


def _refusal(text: str, **choices: Any) -> str:
    item = next(each for each in _read(text, **choices) if isinstance(each, Item))
    return item.record.faults[0].message


@pytest.mark.parametrize(
    ("line", "schedule", "command"),
    [
        ("0 5 * * 1 tar -zcf a.tgz /home", "0 5 * * 1", "tar -zcf a.tgz /home"),
        ("\t0\t5  *\t* 1\ttar  a  b \r\n", "0 5 * * 1", "tar  a  b"),
        ("@daily /bin/true", "@daily", "/bin/true"),
        ("-*/5 * * * * /bin/true", "*/5 * * * *", "/bin/true"),
        ("0 9 * JAN-mar mon,FRI /bin/true", "0 9 * JAN-mar mon,FRI", "/bin/true"),
        ("0 9 * * * X=1 /bin/true", "0 9 * * *", "X=1 /bin/true"),
        ("0 9 * * * écho 你好", "0 9 * * *", "écho 你好"),
    ],
)
def test_it_reads_entries(line: str, schedule: str, command: str) -> None:
    assert _entries(line) == [Entry(line=1, schedule=schedule, command=command)]


def test_it_reads_the_user_of_a_system_crontab() -> None:
    assert _entries("0 5 * * * www-data php x.php", has_user=True) == [
        Entry(line=1, schedule="0 5 * * *", user="www-data", command="php x.php")
    ]


@pytest.mark.parametrize(
    ("line", "has_user", "said"),
    [
        ("0 5 * * *", False, "five fields or a macro, and a command"),
        ("hello", False, "This is no entry"),
        ("@daily", False, "This is no entry"),
        ("0 5 * * * root", True, "a user and a command"),
        (
            "0 5 * * * /bin/true --x",
            True,
            "/bin/true is no user's name. A user's own crontab is read without --system.",
        ),
        ("0 5 * * * root /bin/true", False, "is read with --system"),
    ],
)
def test_it_says_what_is_no_entry(line: str, has_user: bool, said: str) -> None:
    (unreadable,) = _entries(line, has_user=has_user)
    assert isinstance(unreadable, Unreadable)
    assert said in unreadable.reason


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("A=1", "A", "1"), ("A = b c ", "A", "b c"), ('A="b c "', "A", "b c "), ("A='b'", "A", "b"), ("A=", "A", ""),
        ('"A"=x', "A", "x"), ("A=b=c", "A", "b=c"), ('A="', "A", '"'), ("A=$HOME/x", "A", "$HOME/x"),
    ],
)  # fmt: skip
def test_it_reads_variables(line: str, name: str, value: str) -> None:
    (entry,) = _entries(f"{line}\n@daily x")
    assert entry.variables == ((name, value),)


def test_variables_hold_for_the_lines_below_only() -> None:
    first, second = _entries("@daily x\nA=1\n@daily y\n")
    assert (first.variables, second.variables) == ((), (("A", "1"),))


def test_it_takes_the_comments_directly_above() -> None:
    first, second = _entries("# far\n\n# One.\n## Two.\n# name: Close the books\n@daily x\n@daily y\n")
    assert (first.name, first.description) == ("Close the books", "One.\nTwo.")
    assert (second.name, second.description) == (None, None)


@pytest.mark.parametrize("comment", ["# m h dom mon dow user  command", "# m h  dom mon dow   command"])
def test_a_heading_is_no_description(comment: str) -> None:
    assert _entries(f"# Example:\n{comment}\n@daily x")[0].description is None


@pytest.mark.parametrize(
    "line", ["#0 5 * * 1 root x", "# */5 * * * * x", "#@daily x", "# 13 2 * * 1#2 x", "# 0 0 12 ? 2 x"]
)
def test_what_is_switched_off_is_no_description(line: str) -> None:
    off, entry = _entries(f"# About the old one.\n{line}\n@daily y")
    assert off == SwitchedOff(2)
    assert entry.description is None


def test_it_makes_a_record() -> None:
    fields = _fields("# Dumps.\nPATH=/bin\n# Dumps.\n30 2 * * * dump > /dev/null 2>&1", time_zone="Europe/Berlin")
    assert fields == {
        "name": "dump",
        "description": "Dumps.",
        "taskClass": "platform.shell",
        "taskData": {"argv": ["/bin/sh", "-c", "dump > /dev/null 2>&1"], "env": {"PATH": "/bin"}},
        "cronExpression": "30 2 * * *",
        "timeZone": "Europe/Berlin",
        "timeoutSeconds": 86_400,
        "maxRetryCount": 0,
        "labels": {"imported-from": "crontab"},
    }


def test_cron_tz_is_the_zone_and_tz_is_the_commands() -> None:
    fields = _fields("CRON_TZ=Asia/Tokyo\nTZ=Europe/Rome\n@daily x")
    assert (fields["timeZone"], fields["taskData"]["env"]) == ("Asia/Tokyo", {"TZ": "Europe/Rome"})


def test_the_shell_and_the_home_are_those_of_the_file() -> None:
    data = _fields("SHELL=/bin/bash\nHOME=/srv\n@daily x", cwd="/var")["taskData"]
    assert (data["argv"][0], data["cwd"]) == ("/bin/bash", "/srv")


def test_the_folder_may_be_chosen() -> None:
    assert _fields("@daily x", cwd="/srv")["taskData"]["cwd"] == "/srv"


def test_a_queue_may_be_the_users() -> None:
    (item,) = (each for each in _read("@daily ada x", has_user=True, queue="cron-{user}") if isinstance(each, Item))
    assert item.record.fields["queue"] == "cron-ada"
    assert item.record.fields["labels"]["cron-user"] == "ada"


@pytest.mark.parametrize(
    ("command", "script"),
    [
        (r"date +\%F", "date +%F"),
        ("mail a%Hello%%you", "{\nmail a\n} <<'END_OF_INPUT'\nHello\n\nyou\nEND_OF_INPUT"),
        ("cat%", "{\ncat\n} <<'END_OF_INPUT'\n\nEND_OF_INPUT"),
        ("cat%END_OF_INPUT", "{\ncat\n} <<'END_OF_INPUT_'\nEND_OF_INPUT\nEND_OF_INPUT_"),
        ("docker ps --format '{{.Names}}'", "docker ps --format '{{{{.Names}}'"),
    ],
)
def test_it_reads_commands_as_cron_does(command: str, script: str) -> None:
    assert _fields(f"@daily {command}")["taskData"]["argv"] == ["/bin/sh", "-c", script]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@reboot x", "@reboot runs when the machine starts"),
        ("@Reboot x", "@reboot runs when the machine starts"),
        ("0~59 * * * * x", "Write one value in its place"),
        ("SHELL=/usr/bin/fish\n@daily x%y", "/usr/bin/fish has no here-documents"),
    ],
)
def test_it_refuses_by_name(text: str, said: str) -> None:
    assert said in _refusal(text)


def test_it_names_each_job_once_and_the_same_each_time() -> None:
    text = "0 1 * * * x\n0 2 * * * x\n0 2 * * * x\n0 2 * * * x\n"
    names = [each.record.fields["name"] for each in _read(text) if isinstance(each, Item)]
    assert names == ["x", "x [0 2 * * *]", "x [0 2 * * *] 2", "x [0 2 * * *] 3"]


def test_long_commands_that_differ_at_their_end_have_different_names() -> None:
    text = f"@daily {'x' * 300} a\n@daily {'x' * 300} b\n"
    first, second = (each.record.fields["name"] for each in _read(text) if isinstance(each, Item))
    assert first != second
    assert len(first) < 150


def test_it_tells_what_to_know_once_for_all() -> None:
    found = _read("MAILTO=ops\nTZ=UTC\n@daily ada x\n@daily bob y\n#@daily bob z\n", has_user=True)
    remarks = {each.text.split(":")[0].split(" ")[0] for each in found if isinstance(each, Remark)}
    assert remarks == {"MAILTO=ops", "TZ=UTC", "The", "cron"}
    assert [each.place for each in found if isinstance(each, LeftOut)] == ["crontab:5"]


def test_five_thousand_jobs_have_five_thousand_names() -> None:
    text = "".join(f"{n % 60} {n % 24} * * * /opt/job-{n % 7}.sh > /dev/null 2>&1\n" for n in range(5_000))
    assert len({each.record.fields["name"] for each in _read(text, cwd="/srv")}) == 5_000


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("cat # what it is given%a\\%b%%$HOME `x`", "a%b\n\n$HOME `x`\n"),
        ('read one; echo "<$one>"%first%second', "<first>\n"),
        ("false; echo $nothing on", "on\n"),
    ],
)
def test_a_shell_runs_it_as_cron_would(command: str, said: str) -> None:
    argv = _fields(f"@daily {command}")["taskData"]["argv"]
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout == said

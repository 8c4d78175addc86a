import pytest
from django.core.management import CommandError, call_command
from django.utils.module_loading import import_string

from bench.cases import CASES
from platform_scheduler.management.commands import bench


@pytest.mark.parametrize("path", [bench.RUN, bench.LISTED, bench.CASES, bench.SEED])
def test_it_reaches_the_measurements_by_name(path):
    assert import_string(path)


def test_it_lists_each_case_with_its_aims(capsys):
    call_command("bench", "--list")
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines] == list(CASES)
    assert "(aims: all queued s ≤ 0.8; times the peer ≥ 100)" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a case: burst, "),
        (["brust"], "There is no case brust: burst, "),
        (["burst", "all"], "There is no case all: "),
        (["burst", "--repeat=0"], "--repeat must be 1 or more"),
        (["burst", "--json=/no/such/folder/file"], "cannot be written: No such file or directory"),
        (["burst", "--firings=-1"], "--firings must be 1 or more"),
        (["seed-history", "--executions=0"], "--executions must be 1 or more"),
        (["seed-history", "--database=a", "--database=b"], "give --database once"),
        (["seed-history", "burst"], "There is no case seed-history: burst, "),
        (["seed-history", "--database=postgresql://x@127.0.0.1:1/x"], "migrate has failed: "),
    ],
)
def test_it_refuses_what_it_cannot_measure(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("bench", *arguments)

"""`platform.shell` with real commands."""

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from platform_scheduler.embedded.waiting import wait_until
from tests.handler_cast import EXECUTION, a_context
from workers import registry
from workers.errors import PermanentFailure, SoftTimeout, UnknownHandler
from workers.handlers import shell
from workers.limits import soft_limit
from workers.masking import Mask

ROOT = Path(__file__).resolve().parents[3]


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def numbers(file: Path, count: int) -> list[int]:
    """Return the process ids in a file, once there are so many."""
    wait_until(lambda: file.exists() and len(file.read_text().split()) >= count, seconds=10, every=0.01)
    return [int(text) for text in file.read_text().split()]


def test_it_runs_a_program_and_returns_what_it_said():
    result = shell.run({"argv": ["printf", "%s\\n", "a b", "$HOME"]}, a_context())
    assert result == {"exitStatus": 0, "stdout": "a b\n$HOME"}


def test_it_runs_a_script_that_stops_at_the_first_failure():
    with pytest.raises(shell.CommandFailed, match="ended with exit status 1"):
        shell.run({"script": "false\necho not reached"}, a_context())


def test_it_runs_a_script_that_stops_at_an_unset_variable():
    with pytest.raises(shell.CommandFailed):
        shell.run({"script": "echo $not_set"}, a_context())


def test_it_fails_with_the_status_and_the_end_of_stderr():
    script = 'i=0; while [ $i -lt 2000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 3'
    with pytest.raises(shell.CommandFailed) as failure:
        shell.run({"script": script}, a_context())
    message = str(failure.value)
    assert message.startswith("/bin/sh ended with exit status 3.\nline ")
    assert message.endswith("line 1999")
    assert len(message) < 4_200


def test_it_names_a_signal():
    with pytest.raises(shell.CommandFailed, match=r"137 \(128 \+ 9: a signal\)"):
        shell.run({"script": "kill -9 $$"}, a_context())


def test_it_fails_where_there_is_no_such_program():
    with pytest.raises(shell.CommandFailed, match=r"127\.\nno-such-program: No such file or directory"):
        shell.run({"argv": ["no-such-program"]}, a_context())


def test_it_fails_where_the_program_may_not_be_run(tmp_path):
    (tmp_path / "plain").write_text("text")
    with pytest.raises(shell.CommandFailed, match=r"(?s)126\..*Permission denied"):
        shell.run({"argv": [str(tmp_path / "plain")]}, a_context())


def test_it_logs_both_streams_by_level(caplog):
    caplog.set_level(logging.INFO, "workers.execution")
    shell.run({"script": "echo out; echo err >&2"}, a_context())
    assert sorted((record.levelname, record.getMessage()) for record in caplog.records) == [
        ("INFO", "out"),
        ("WARNING", "err"),
    ]


def test_it_gives_the_command_a_minimal_environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("TASK_SECRET_TOKEN", "s3cr3t-token")
    result = shell.run({"argv": ["env"], "env": {"MINE": "1", "LANG": "C"}}, a_context())
    seen = dict(line.split("=", 1) for line in result["stdout"].splitlines())
    # LC_CTYPE is Python's own doing where no language is set (PEP 538).
    known = {*shell.KEPT, "LC_CTYPE", "MINE"}
    assert {name for name in seen if not name.startswith("SCHEDULER_")} <= known
    assert (seen["MINE"], seen["LANG"]) == ("1", "C")
    assert seen["SCHEDULER_EXECUTION_ID"] == str(EXECUTION)
    assert seen["SCHEDULER_FENCE"] == "42"
    assert seen["SCHEDULER_SCHEDULED_FOR"] == "2026-03-01T23:30:00Z"


def test_it_gives_the_command_no_input():
    assert shell.run({"argv": ["cat"]}, a_context())["stdout"] == ""


def test_it_gives_the_command_no_descriptors_of_the_worker(tmp_path):
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        result = shell.run(
            {"argv": [sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"]}, a_context()
        )
    # Three streams, and the one that listdir itself has open.
    assert len(result["stdout"].split(",")) == 4


def test_it_runs_in_the_folder_that_is_named(tmp_path):
    assert shell.run({"argv": ["pwd"], "cwd": str(tmp_path)}, a_context())["stdout"] == str(tmp_path)


def test_it_refuses_a_folder_that_there_is_not():
    with pytest.raises(PermanentFailure, match="there is no folder /nowhere"):
        shell.run({"argv": ["pwd"], "cwd": "/nowhere"}, a_context())


def test_it_keeps_the_beginning_and_the_end_of_endless_output(caplog):
    caplog.set_level(logging.INFO, "workers.execution")
    script = "import sys\nfor i in range(200_000): print('line', i)"
    result = shell.run({"argv": [sys.executable, "-c", script]}, a_context())
    assert caplog.messages[0] == "line 0"
    assert caplog.messages[-1] == "line 199999"
    assert any("bytes of output are left out" in message for message in caplog.messages)
    assert sum(map(len, caplog.messages)) < 110_000
    assert result["stdout"].endswith("line 199999")
    assert len(result["stdout"]) <= shell.RESULT_BYTES


def test_it_cuts_a_line_that_never_ends(caplog):
    caplog.set_level(logging.INFO, "workers.execution")
    script = "import sys\nfor _ in range(100): sys.stdout.write('x' * 65536)\nprint()\nprint('next')"
    shell.run({"argv": [sys.executable, "-c", script]}, a_context())
    assert [message[:4] for message in caplog.messages] == ["xxxx", "next"]
    assert caplog.messages[0].endswith(" … cut")


def test_it_hides_secrets_in_log_result_and_error(caplog):
    caplog.set_level(logging.INFO, "workers.execution")
    context = a_context(mask=Mask(["s3cr3t-token"]))
    data = {"script": 'echo "out $T"; echo "err $T" >&2', "env": {"T": "s3cr3t-token"}}
    assert shell.run(data, context)["stdout"] == "out ***"
    assert sorted(caplog.messages) == ["err ***", "out ***"]
    with pytest.raises(shell.CommandFailed, match=r"err \*\*\*"):
        shell.run(data | {"script": 'echo "err $T" >&2; exit 1'}, context)


def test_it_kills_grandchildren_when_the_time_is_up(tmp_path):
    pids = tmp_path / "pids"
    script = f"(echo $$ >> {pids}; sleep 1000 & echo $! >> {pids}; wait) & echo $! >> {pids}; wait"
    with pytest.raises(SoftTimeout), soft_limit(0.5):
        shell.run({"script": script}, a_context())
    assert [pid for pid in numbers(pids, 3) if lives(pid)] == []


def test_it_asks_before_it_kills(tmp_path):
    said = tmp_path / "said"
    script = f"trap 'echo bye > {said}; exit 0' TERM; sleep 1000 & wait"
    with pytest.raises(SoftTimeout), soft_limit(0.5):
        shell.run({"script": script}, a_context())
    assert said.read_text() == "bye\n"


def test_it_kills_what_does_not_listen(tmp_path, monkeypatch):
    monkeypatch.setattr(shell, "GRACE_SECONDS", 0.2)
    pids = tmp_path / "pids"
    script = f"trap '' TERM; echo $$ > {pids}; while :; do sleep 0.05; done"
    with pytest.raises(SoftTimeout), soft_limit(0.5):
        shell.run({"script": script}, a_context())
    assert not lives(numbers(pids, 1)[0])


def test_it_kills_what_has_fled_into_a_session_of_its_own(tmp_path):
    pids = tmp_path / "pids"
    fleeing = (
        f"import os; os.setsid(); open('{pids}', 'w').write(str(os.getpid())); os.execvp('sleep', ['sleep', '1000'])"
    )
    script = f'({sys.executable} -c "{fleeing}" & ); while [ ! -s {pids} ]; do sleep 0.01; done; sleep 1000'
    with pytest.raises(SoftTimeout), soft_limit(2):
        shell.run({"script": script}, a_context())
    assert not lives(numbers(pids, 1)[0])


def test_it_kills_what_the_command_leaves_behind(tmp_path):
    pids = tmp_path / "pids"
    assert shell.run({"script": f"sleep 1000 & echo $! > {pids}"}, a_context())["exitStatus"] == 0
    assert not lives(numbers(pids, 1)[0])


def test_it_kills_all_of_it_when_the_worker_s_child_is_killed(tmp_path):
    pids = tmp_path / "pids"
    program = (
        "import django; django.setup()\n"
        "from tests.handler_cast import a_context\n"
        "from workers.handlers import shell\n"
        f"shell.run({{'script': 'sleep 1000 & echo $$ $! > {pids}; wait'}}, a_context())\n"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.test"}
    child = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment)
    running = numbers(pids, 2)
    assert all(map(lives, running))
    child.kill()
    child.wait(10)
    wait_until(lambda: not any(map(lives, running)), seconds=5, every=0.01)
    assert [pid for pid in running if lives(pid)] == []


def test_it_leaves_no_command_when_its_minder_is_killed(tmp_path):
    pids = tmp_path / "pids"

    def kill_minder() -> None:
        os.kill(numbers(pids, 2)[1], signal.SIGKILL)

    killer = threading.Thread(target=kill_minder)
    killer.start()
    with pytest.raises(shell.CommandFailed):
        shell.run({"script": f"echo $$ $PPID > {pids}; exec sleep 1000"}, a_context())
    killer.join()
    wait_until(lambda: not lives(numbers(pids, 2)[0]), seconds=5, every=0.01)
    assert not lives(numbers(pids, 2)[0])


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"argv": []},
        {"argv": "ls"},
        {"argv": ["ls"], "script": "ls"},
        {"script": ""},
        {"script": "ls", "cwd": "relative"},
        {"script": "ls", "env": {"A=B": "x"}},
        {"script": "ls", "env": {"A": 1}},
        {"script": "ls", "shell": True},
    ],
)
def test_its_schema_refuses_what_it_does_not_understand(data):
    assert registry.Handler("platform.shell", shell.run, schema=shell.SCHEMA).faults(data) != []


def test_it_is_off_unless_the_deployment_turns_it_on():
    with pytest.raises(UnknownHandler, match=r"no handler platform\.shell"):
        registry.find("platform.shell")


def test_it_is_on_where_the_deployment_says_so():
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.test", "SHELL_HANDLER": "1"}
    program = "import django; django.setup()\nfrom workers import handlers, registry\nregistry.find('platform.shell')"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)

"""The shim through which every program starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from platform_scheduler.embedded.programs import Program, shim_command, write_programs

SHOW = "import json, os; print(json.dumps({'env': dict(os.environ), 'cwd': os.getcwd(), 'pid': os.getpid()}))"


def start(folder: Path, *, parent: int | Path | None = None, **what) -> subprocess.CompletedProcess[str]:
    program = Program(name="it", argv=(sys.executable, "-c", SHOW), **what)
    write_programs(folder / "programs.json", [program])
    command = shim_command(folder / "programs.json", "it", parent=parent or os.getpid())
    return subprocess.run(
        command, env={"SECRET": "s", "PGHOST": "h", "LANG": "C"}, capture_output=True, text=True, check=False
    )


def shown(done: subprocess.CompletedProcess[str]):
    return json.loads(done.stdout)


def test_it_gives_a_service_what_its_starter_has_and_its_own(tmp_path):
    env = shown(start(tmp_path, env={"OWN": "1"}))["env"]
    assert (env["SECRET"], env["OWN"]) == ("s", "1")


@pytest.mark.parametrize("name", ["SECRET", "PGHOST"])
def test_it_gives_an_engine_nothing_of_its_starter(tmp_path, name):
    assert name not in shown(start(tmp_path, is_engine=True))["env"]


def test_it_works_in_the_program_s_folder(tmp_path):
    assert shown(start(tmp_path, cwd=tmp_path))["cwd"] == str(tmp_path)


def test_it_does_not_start_what_has_no_parent_any_more(tmp_path):
    done = start(tmp_path, parent=1)
    assert (done.returncode, done.stdout) == (1, "")


def test_it_reads_its_parent_from_a_file(tmp_path):
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    assert start(tmp_path, parent=tmp_path / "pid").returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no parent-death signal")
def test_it_ends_a_program_whose_parent_is_killed(tmp_path):
    program = Program(name="it", argv=("/bin/sh", "-c", "echo up; read line"))
    write_programs(tmp_path / "programs.json", [program])
    parent = (
        "import subprocess, sys, os, signal\n"
        f"sys.path.insert(0, {str(Path.cwd())!r})\n"
        "from platform_scheduler.embedded.programs import shim_command\n"
        "reader, writer = os.pipe()\n"
        f"command = shim_command({str(tmp_path / 'programs.json')!r}, 'it', parent=os.getpid())\n"
        "child = subprocess.Popen(command, stdin=reader, pass_fds=[writer])\n"
        "sys.stdin.readline()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # Read to its end: that comes only when the child, who holds the other side as well, has ended.
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    process.communicate("go\n", timeout=30)
    assert process.returncode == -9

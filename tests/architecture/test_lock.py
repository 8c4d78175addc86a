"""What is installed is what the lock files say, to the byte: the part of a dependency audit that needs no network."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(name: str) -> dict[str, tuple[Requirement, int]]:
    """Return the requirements of a lock file by name, each with how many hashes it has."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    found: dict[str, tuple[Requirement, int]] = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line.partition(" --hash")[0].strip())
            found[canonicalize_name(requirement.name)] = (requirement, len(_HASH.findall(line)))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_each_is_one_version_with_its_hashes(name: str):
    loose = [
        str(requirement)
        for requirement, hashes in entries(name).values()
        if hashes == 0 or requirement.url or [one.operator for one in requirement.specifier] != ["=="]
    ]
    assert loose == []


@pytest.mark.parametrize(("asked", "lock"), [("requirements.txt", LOCKS[0]), ("requirements-dev.txt", LOCKS[1])])
def test_all_that_is_asked_for_is_locked(asked: str, lock: str):
    lines = [line.partition("#")[0].strip() for line in (ROOT / asked).read_text().splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("-")]
    locked = entries(lock)
    for requirement in wanted:
        pinned, _ = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(next(iter(pinned.specifier)).version)


def test_both_locks_say_the_same():
    run, dev = (entries(name) for name in LOCKS)
    assert {name: str(run[name][0].specifier) for name in run} == {name: str(dev[name][0].specifier) for name in run}


def test_what_runs_here_is_what_is_locked():
    here = {
        name: requirement
        for name, (requirement, _) in entries(LOCKS[1]).items()
        if requirement.marker is None or Marker(str(requirement.marker)).evaluate()
    }
    other = {
        name: metadata.version(name)
        for name, requirement in here.items()
        if not requirement.specifier.contains(metadata.version(name))
    }
    assert other == {}

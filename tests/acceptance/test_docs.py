"""The tutorial and the how-tos: every command in them is run, page by page, on one platform that is really there.

A fenced block marked `sh` is run by bash as a person would, those of a page one after the other in one shell. A line
`<!-- file: NAME -->` above a block of any kind writes it to that file first; `<!-- run: elsewhere TEST -->` names the
test that runs it, for it starts or stops the platform, or needs other machines.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.platform import ROOT, Platform, running
from tests.debian import is_missing

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

PAGES = [ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
# Whatever a page says of the platform's address stands for this one's.
ADDRESS = "127.0.0.1:8000"
PAGE_SECONDS = 300
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>file|run): (?P<value>[^>]+?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """One fenced block, and what the line above it says of it."""

    kind: str
    text: str
    mark: str | None
    value: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    found = BLOCK.finditer(page.read_text())
    return [Block(one["kind"], one["text"], one["mark"], one["value"] or "") for one in found]


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder like a clone of the project, beside a platform that runs."""

    folder: Path
    platform: Platform

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a page's commands; the first one that fails ends it."""
        text = "set -euo pipefail\n" + script.replace(ADDRESS, f"127.0.0.1:{self.platform.port}")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        return subprocess.run(
            ["bash", "-c", text], cwd=self.folder, env=environment, capture_output=True, text=True,
            timeout=PAGE_SECONDS, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One for all pages, with the files that they tell their reader to write."""
    if shutil.which("curl") is None:
        is_missing("curl", package="curl")
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-docs-"))
    folder.chmod(0o711)
    for page in PAGES:
        for block in blocks(page):
            if block.mark == "file":
                path = folder / block.value
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
    for name in ("manage.py", ".venv", "examples", "Makefile"):
        (folder / name).symlink_to(ROOT / name)
    environment = {"HANDLER_MODULES": "mycompany.handlers", "PYTHONPATH": str(folder)}
    try:
        with running(folder / ".local", environment=environment) as platform:
            yield Desk(folder, platform)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_works(desk: Desk, page: Path):
    script = "\n".join(block.text for block in blocks(page) if block.kind == "sh" and block.mark != "run")
    assert script, "This page has no commands that are run."
    done = desk.run(script)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_what_the_tutorial_registers_runs(desk: Desk):
    def has_run() -> bool:
        found = desk.platform.get("/api/v1/executions?status=SUCCESS&size=200")["content"]
        return {"Tutorial", "Monthly report", "night/report"} <= {one["taskName"] for one in found}

    desk.platform.wait_for(has_run, seconds=60)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_a_test_for_each_command_that_is_not_run_here(page: Path):
    marks = [block.value for block in blocks(page) if block.mark == "run"]
    assert [mark for mark in marks if not mark.startswith("elsewhere tests/")] == []
    assert [mark for mark in marks if not (ROOT / mark.removeprefix("elsewhere ")).is_file()] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "README.md"], ids=lambda page: page.stem)
def test_a_link_leads_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []

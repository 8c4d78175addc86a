"""A real Quartz: Debian's library run by a JDK, started once."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debian import is_missing

JARS = [Path("/usr/share/java", name) for name in ("quartz2.jar", "slf4j-api.jar", "slf4j-nop.jar")]
SOURCE = Path(__file__).with_name("Next.java")
COMPILE_SECONDS = 60
ANSWER_SECONDS = 90

Case = tuple[str, str, int]
Ask = Callable[[list[Case]], list[str]]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Return a function that has Quartz answer cases: seconds joined by spaces, "none", REFUSED or HANGS."""
    if not (shutil.which("java") and shutil.which("javac")):
        is_missing("Java", package="default-jdk-headless")
    if not all(jar.exists() for jar in JARS):
        is_missing("Quartz", package="libquartz2-java")
    classes = tmp_path_factory.mktemp("quartz")
    jars = ":".join(map(str, JARS))
    subprocess.run(["javac", "-cp", jars, "-d", classes, SOURCE], check=True, timeout=COMPILE_SECONDS)

    def answers(cases: list[Case]) -> list[str]:
        lines = "".join(f"{text}|{zone}|{instant * 1000}\n" for text, zone, instant in cases)
        command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}:{classes}", "Next"]
        found = subprocess.run(
            command, input=lines, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS
        ).stdout.splitlines()
        assert len(found) == len(cases)
        return [re.sub(r"(\d+)000\b", r"\1", line) if line[0].isdigit() else line for line in found]

    return answers

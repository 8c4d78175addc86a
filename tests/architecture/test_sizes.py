"""No file has more than 400 lines and no function more than 50, unless a reason stands beside it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES, MOST_OF_A_FUNCTION = 400, 50
# `# long: why`, in the first lines of a file, or in the line of a `def` or above it.
REASON = re.compile(r"(#|//|/\*|<!--|\{#) long: \S.{15}")
ROOMS = (
    "bench", "docker", "docs", "drill", "examples", "platform_scheduler", "query", "register", "scheduler", "tests",
    "workers",
)  # fmt: skip
WRITTEN = frozenset({".py", ".js", ".css", ".html", ".md", ".yaml", ".yml", ".sh", ".conf", ".c", ".toml"})
FILES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*")
    if path.suffix in WRITTEN and not {"vendor", "reference", "node_modules"}.intersection(path.parts)
)


def _long_functions(path: Path) -> Iterator[str]:
    lines = path.read_text().splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.end_lineno is None:
            continue
        # Without its decorators: a table of cases is none of it.
        beside = lines[max(node.lineno - 2, 0) : node.lineno]
        if node.end_lineno - node.lineno >= MOST_OF_A_FUNCTION and not any(map(REASON.search, beside)):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_there_is_something_to_measure():
    assert len(FILES) > 900


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_too_long_to_read(room: str):
    texts = {path: path.read_text().splitlines() for path in FILES if path.is_relative_to(ROOT / room)}
    long = {str(path.relative_to(ROOT)): len(lines) for path, lines in texts.items() if len(lines) > MOST_LINES}
    assert {name: n for name, n in long.items() if not any(map(REASON.search, texts[ROOT / name][:5]))} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_too_long_to_read(room: str):
    files = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / room)]
    assert [found for path in files for found in _long_functions(path)] == []

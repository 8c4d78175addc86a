"""Nothing is read that could run code: no pickle, no YAML tags, no eval, and JSON alone between processes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("platform_scheduler", "query", "register", "scheduler", "workers")
MODULES = frozenset({"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"})
CALLS = frozenset({"eval", "exec", "compile", "__import__"})
# Whose pattern is made of texts that it escapes itself.
ESCAPED = {"workers/masking.py"}
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _patterns(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the first argument of each call of the module `re`."""
    for node in ast.walk(tree):
        function = node.func if isinstance(node, ast.Call) else None
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "re":
            assert isinstance(node, ast.Call)
            yield node.args[0]


def test_there_is_something_to_look_at():
    assert len(FILES) > 300


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_reads_what_could_run(room: str):
    trees = {path: ast.parse(path.read_text()) for path in FILES if path.is_relative_to(ROOT / room)}
    assert [path.name for path, tree in trees.items() if MODULES.intersection(_imported(tree))] == []
    assert [path.name for path, tree in trees.items() if CALLS.intersection(_called(tree))] == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_pattern_comes_from_outside(room: str):
    """A pattern that somebody sends can take for ever; all of ours stand in the code."""
    found = {
        str(path.relative_to(ROOT))
        for path in FILES
        if path.is_relative_to(ROOT / room)
        for pattern in _patterns(ast.parse(path.read_text()))
        if not isinstance(pattern, ast.Constant | ast.JoinedStr | ast.BinOp)
    }
    assert found - ESCAPED == set()


def test_processes_send_each_other_json_alone():
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_SERIALIZER == "json"
    assert settings.SESSION_SERIALIZER.endswith("JSONSerializer")

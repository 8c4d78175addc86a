"""The seed's CleanupTask: old files go, and nothing outside the allowed folders ever does."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from tests.handler_cast import SLOT, a_context
from workers.errors import PermanentFailure
from workers.handlers.cleanup import clean_up

WEEK = 7
OLD = timedelta(days=8)


@pytest.fixture
def root(tmp_path: Path, settings: LazySettings) -> Path:
    """The folder that may be cleaned."""
    made = tmp_path / "root"
    made.mkdir()
    settings.CLEANUP_ROOTS = [str(made)]
    return made


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside it, with an old file that must survive everything."""
    made = tmp_path / "outside"
    made.mkdir()
    write(made / "precious")
    return made


def write(file: Path, *, age: timedelta = OLD, size: int = 10) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    written = (SLOT - age).timestamp()
    os.utime(file, (written, written))
    return file


def clean(**data: Any) -> Any:
    return clean_up({"retentionDays": WEEK} | data, a_context())


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# What goes


def test_it_removes_old_files_and_keeps_new_ones(root: Path):
    write(root / "old")
    write(root / "new", age=timedelta(days=6))
    clean()
    assert names(root) == ["new"]


@pytest.mark.parametrize(("age", "is_kept"), [(timedelta(days=7), True), (timedelta(days=7, seconds=1), False)])
def test_it_keeps_what_is_exactly_as_old_as_its_retention(root: Path, age: timedelta, is_kept: bool):
    file = write(root / "file", age=age)
    clean()
    assert file.exists() is is_kept


def test_it_removes_everything_without_retention(root: Path):
    write(root / "file", age=timedelta(seconds=1))
    clean(retentionDays=0)
    assert names(root) == []


def test_it_looks_into_every_folder_and_keeps_the_folders(root: Path):
    write(root / "a" / "b" / "old")
    clean()
    assert names(root) == ["a", "a/b"]


def test_it_says_what_it_has_removed(root: Path):
    for number in range(5):
        write(root / str(number), size=100)
    assert clean(batchSize=2) == {"deletedFiles": 5, "freedBytes": 500, "batches": 3}


@pytest.mark.parametrize(("count", "batches"), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2)])
def test_it_counts_its_batches(root: Path, count: int, batches: int):
    for number in range(count):
        write(root / str(number))
    assert clean(batchSize=2)["batches"] == batches


def test_it_logs_each_batch(root: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    for number in range(5):
        write(root / str(number))
    clean(batchSize=2)
    assert [record.getMessage() for record in caplog.records] == [
        "Removed 2 files so far, 20 bytes.",
        "Removed 4 files so far, 40 bytes.",
    ]


def test_it_cleans_only_the_folder_that_is_named(root: Path):
    write(root / "a" / "old")
    write(root / "b" / "old")
    clean(path="a")
    assert names(root) == ["a", "b", "b/old"]


def test_it_takes_an_absolute_path_below_the_root(root: Path):
    write(root / "a" / "old")
    clean(path=str(root / "a"))
    assert names(root) == ["a"]


@pytest.mark.parametrize("path", [".", "a/..", "./a/../a/.."])
def test_it_takes_a_path_that_leads_back_to_the_root(root: Path, path: str):
    write(root / "a" / "old")
    clean(path=path)
    assert names(root) == ["a"]


def test_it_cleans_every_root_where_none_is_named(tmp_path: Path, settings: LazySettings):
    roots = [tmp_path / name for name in ("one", "two", "missing")]
    settings.CLEANUP_ROOTS = [str(one) for one in roots]
    for one in roots[:2]:
        write(one / "old")
    assert clean()["deletedFiles"] == 2


def test_it_cleans_a_folder_below_the_second_root(root: Path, tmp_path: Path, settings: LazySettings):
    second = tmp_path / "second"
    settings.CLEANUP_ROOTS = [str(root), str(second)]
    write(second / "a" / "old")
    assert clean(path=str(second / "a"))["deletedFiles"] == 1


def test_it_cleans_nothing_where_nothing_is(root: Path):
    assert clean(path="missing/folder") == {"deletedFiles": 0, "freedBytes": 0, "batches": 0}


def test_it_cleans_a_root_that_is_a_link_itself(root: Path, tmp_path: Path, settings: LazySettings):
    """The deployment has said so; what is below it counts."""
    link = tmp_path / "link"
    link.symlink_to(root)
    settings.CLEANUP_ROOTS = [str(link)]
    write(root / "a" / "old")
    assert (clean()["deletedFiles"], names(root)) == (1, ["a"])


def test_it_goes_on_where_a_file_has_gone_meanwhile(root: Path, monkeypatch: pytest.MonkeyPatch):
    write(root / "a")
    write(root / "b")
    unlink = os.unlink

    def somebody_was_faster(name: str, **options: Any) -> None:
        unlink(name, **options)
        raise FileNotFoundError(name)

    monkeypatch.setattr(os, "unlink", somebody_was_faster)
    assert (clean()["deletedFiles"], names(root)) == (0, [])


# What stays


@pytest.mark.parametrize("path", ["..", "../outside", "a/../../outside", "/", "/etc", "../root-2"])
def test_it_refuses_a_path_outside(root: Path, outside: Path, path: str):
    write(root / "old")
    with pytest.raises(PermanentFailure, match="is outside the folders that may be cleaned"):
        clean(path=path)
    assert (names(root), names(outside)) == (["old"], ["precious"])


def test_it_refuses_an_absolute_path_outside(root: Path, outside: Path):
    with pytest.raises(PermanentFailure):
        clean(path=str(outside))
    assert names(outside) == ["precious"]


def test_it_refuses_a_folder_whose_name_only_begins_like_the_root(root: Path):
    sibling = write(root.parent / "root-2" / "precious")
    with pytest.raises(PermanentFailure):
        clean(path=str(sibling.parent))
    assert sibling.exists()


def test_it_refuses_everything_where_nothing_is_allowed(outside: Path, settings: LazySettings):
    settings.CLEANUP_ROOTS = []
    with pytest.raises(PermanentFailure, match="none"):
        clean(path=str(outside))
    assert names(outside) == ["precious"]


@pytest.mark.parametrize("path", ["a\x00b", "x" * 5_000], ids=["NUL", "too long"])
def test_it_refuses_for_good_what_is_no_path(root: Path, path: str):
    with pytest.raises(PermanentFailure, match="is no path"):
        clean(path=path)


def test_it_refuses_a_ring_of_links_for_good(root: Path):
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    with pytest.raises(PermanentFailure, match="is no path"):
        clean(path="a")


def test_it_refuses_a_path_that_leads_outside_through_a_link(root: Path, outside: Path):
    (root / "link").symlink_to(outside)
    with pytest.raises(PermanentFailure):
        clean(path="link")
    assert names(outside) == ["precious"]


def test_it_refuses_a_path_through_a_link_in_its_middle(root: Path, outside: Path):
    write(outside / "below" / "precious")
    (root / "link").symlink_to(outside)
    with pytest.raises(PermanentFailure):
        clean(path="link/below")
    assert names(outside) == ["below", "below/precious", "precious"]


def test_it_enters_no_link_that_it_meets(root: Path, outside: Path):
    (root / "a").mkdir()
    (root / "a" / "link").symlink_to(outside)
    clean()
    assert (names(root), names(outside)) == (["a", "a/link"], ["precious"])


def test_it_removes_no_link_and_not_what_it_leads_to(root: Path, outside: Path):
    (root / "link").symlink_to(outside / "precious")
    os.utime(root / "link", (0, 0), follow_symlinks=False)
    clean()
    assert (names(root), names(outside)) == (["link"], ["precious"])


def test_it_removes_only_regular_files(root: Path):
    os.mkfifo(root / "pipe")
    os.utime(root / "pipe", (0, 0))
    assert (clean()["deletedFiles"], names(root)) == (0, ["pipe"])


# Somebody swaps a folder for a link while it works


def swap(folder: Path, target: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}-away"))
    folder.symlink_to(target)


class Swapping:
    """Stands in for a function of `os`: just before its nth call somebody puts a link in a folder's place."""

    def __init__(self, function: Callable[..., Any], folder: Path, target: Path, *, call: int) -> None:
        self.function = function
        self.swaps = {call: lambda: swap(folder, target)}
        self.calls = 0

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        self.swaps.get(self.calls, lambda: None)()
        return self.function(*arguments, **options)


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("which", ["a", "a/b"])
def test_it_follows_no_link_that_is_put_there_before_it_enters(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, call: int, which: str
):
    """`a/b` was inside when it was looked at; since then `a`, or `b`, leads elsewhere."""
    write(root / "a" / "b" / "old")
    write(outside / "b" / "precious")
    monkeypatch.setattr(os, "open", Swapping(os.open, root / which, outside, call=call))
    finish(lambda: clean(path="a/b"))
    assert names(outside) == ["b", "b/precious", "precious"]


def finish(call: Callable[[], object]) -> None:
    """Let it refuse, or clean what it had open already: both are right."""
    try:
        call()
    except PermanentFailure:
        return


def test_it_refuses_a_folder_that_has_become_a_link(root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch):
    write(root / "a" / "old")
    monkeypatch.setattr(os, "open", Swapping(os.open, root / "a", outside, call=2))
    with pytest.raises(PermanentFailure, match="has become a link"):
        clean(path="a")


@pytest.mark.parametrize("call", range(1, 8))
def test_it_follows_no_link_that_is_put_there_while_it_works(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, call: int
):
    write(root / "a" / "b" / "precious")
    write(outside / "b" / "precious")
    monkeypatch.setattr(os, "stat", Swapping(os.stat, root / "a", outside, call=call))
    clean()
    assert names(outside) == ["b", "b/precious", "precious"]


@pytest.mark.parametrize("call", range(1, 5))
def test_it_follows_no_link_that_is_put_there_after_it_has_looked(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, call: int
):
    """`a/b` is found to be inside; then `a` becomes a link, and the same path leads elsewhere."""
    write(root / "a" / "b" / "old")
    write(outside / "b" / "precious")
    monkeypatch.setattr(os, "stat", Swapping(os.stat, root / "a", outside, call=call))
    finish(lambda: clean(path="a/b"))
    assert names(outside) == ["b", "b/precious", "precious"]

"""DATA_DIR: its lock, its room, and what is said when it cannot be used."""

import errno
import os
import threading
from pathlib import Path

import pytest

from platform_scheduler.embedded import data_dir as module
from platform_scheduler.embedded.data_dir import explained, make_folder, require_room, take
from platform_scheduler.embedded.errors import CannotStart


def take_it(folder, waited=None):
    return take(folder, pause=threading.Event().wait, on_wait=(waited if waited is not None else []).append)


def test_it_is_held_by_one_alone(tmp_path):
    lock = take_it(tmp_path)
    with pytest.raises(CannotStart, match=rf"in use by another `up` \(process {os.getpid()}\)"):
        take_it(tmp_path)
    lock.close()


def test_it_is_free_again_when_let_go(tmp_path):
    take_it(tmp_path).close()
    take_it(tmp_path).close()


def test_it_waits_for_one_that_is_stopping(tmp_path):
    first = take_it(tmp_path)
    first.say_stopping()
    waited: list[int] = []
    ending = threading.Timer(0.1, first.close)
    ending.start()
    take_it(tmp_path, waited).close()
    ending.join()
    assert waited == [os.getpid()]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.EACCES, "No permission to write /d: give it to this user, or set another DATA_DIR."),
        (errno.EROFS, "No permission to write /d: give it to this user, or set another DATA_DIR."),
        (errno.ENOSPC, "The disk of /d is full: make room, or put DATA_DIR on another disk."),
        (errno.EDQUOT, "The disk of /d is full: make room, or put DATA_DIR on another disk."),
        (errno.ENOTDIR, "/d is no folder: set another DATA_DIR."),
        (errno.EIO, "/d cannot be used: Input/output error; set another DATA_DIR."),
    ],
)
def test_it_says_what_to_do(number, line):
    with pytest.raises(CannotStart) as refusal, explained(Path("/d")):
        raise OSError(number, os.strerror(number), "/d")
    assert str(refusal.value) == line


def test_it_refuses_a_file(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(CannotStart, match="is no folder"):
        make_folder(tmp_path / "x", mode=0o700)


def test_it_refuses_a_disk_that_is_nearly_full(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BYTES_TO_BEGIN", 2**60)
    with pytest.raises(CannotStart, match=r"is full .* make room"):
        require_room(tmp_path / "not/yet/there", is_new=True)


def test_it_needs_less_to_go_on_than_to_begin(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BYTES_TO_BEGIN", 2**60)
    require_room(tmp_path, is_new=False)

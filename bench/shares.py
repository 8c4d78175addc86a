"""Holds processes to a share of a core each, by the kernel's control groups: as if the cores were more, but slow.

Where each process gets a third of a core, two cores carry six of them at once. So a machine whose cores one scheduler
keeps busy can still tell whether a second one adds to it, or only stands in its way.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.waiting import wait_until

MOUNT = Path("/sys/fs/cgroup")
# Short, so that who has used up a share waits for milliseconds only.
PERIOD_US = 10_000
SECONDS_TO_EMPTY = 20


class Shares:
    """Groups of processes, made in a folder of version 1's controller `cpu`, or in the mount of version 2."""

    def __init__(self, folder: Path, *, limit: str) -> None:
        self._folder = folder
        self._limit = limit
        self._groups: list[Path] = []

    @classmethod
    @contextmanager
    def of_machine(cls, mount: Path = MOUNT) -> Iterator["Shares | None"]:
        """Lend them until all that is held has ended; None where there are none, or this user may make none."""
        kinds = (cls(mount / "cpu", limit="cpu.cfs_quota_us"), cls(mount, limit="cpu.max"))
        shares = next((kind for kind in kinds if kind.is_to_be_had()), None)
        try:
            yield shares
        finally:
            if shares is not None:
                shares.remove()

    def hold(self, pids: Sequence[int], *, cores: float) -> None:
        """Hold these processes, together, to so much of the cores' time.

        Raises CannotStart: one of them has gone, or the kernel refuses.
        """
        try:
            group = self._made()
            self._limit_to(group, int(PERIOD_US * cores))
            for pid in pids:
                (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise CannotStart(f"Processes {pids} cannot be held to {cores:g} cores: {error}") from None

    def is_to_be_had(self) -> bool:
        """Say whether such groups can be made, by making one."""
        try:
            return (self._made() / self._limit).exists()
        except OSError:
            return False
        finally:
            self.remove()

    def _made(self) -> Path:
        group = self._folder / f"scheduler-bench-{secrets.token_hex(4)}"
        group.mkdir()
        self._groups.append(group)
        return group

    def _limit_to(self, group: Path, quota: int) -> None:
        if self._limit == "cpu.max":
            (group / self._limit).write_text(f"{quota} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / self._limit).write_text(str(quota))

    def remove(self) -> None:
        """Remove the groups; each is busy until the last of its processes has quite ended."""
        for group in self._groups:
            wait_until(partial(_is_removed, group), seconds=SECONDS_TO_EMPTY)
        self._groups.clear()


def _is_removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True

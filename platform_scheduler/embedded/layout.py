"""Where things are inside one DATA_DIR."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .data_dir import make_folder
from .errors import CannotStart

# The address of a Unix socket holds 107 bytes, and supervisor first makes it under a longer name.
LONGEST_SOCKET_PATH = 90


@dataclass(frozen=True)
class Layout:
    """The folders and files of one DATA_DIR."""

    data_dir: Path

    @property
    def run(self) -> Path:
        return self.data_dir / "run"

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def valkey(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def login_file(self) -> Path:
        return self.data_dir / "admin-login"

    @property
    def environment_file(self) -> Path:
        return self.data_dir / "environment"

    @property
    def token_file(self) -> Path:
        return self.data_dir / "admin-token"

    def make(self) -> None:
        """Make the folders that only their owner may enter."""
        for folder in (self.run, self.logs):
            make_folder(folder, mode=0o700)

    def socket_path(self) -> Path:
        """Give a place for supervisor's socket, out of DATA_DIR where that path is too long for one."""
        inside = self.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"platform-scheduler-{os.geteuid()}-{digest}"
        make_folder(folder, mode=0o700)
        found = folder.lstat()
        # Anybody can make a folder there: through one of theirs they could command our supervisor.
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise CannotStart(f"{folder} is somebody else's: remove it, or set a shorter DATA_DIR.")
        return folder / "supervisor.sock"

"""nginx with docker/nginx.conf in front of processes on this machine."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from platform_scheduler.embedded.programs import Program
from tests.debian import is_missing

TEMPLATE = Path(__file__).parents[2] / "docker" / "nginx.conf"


def nginx() -> str:
    """Return the path of nginx; where it is absent the test is skipped by name."""
    path = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    return path or is_missing("nginx", package="nginx-light")


def gateway(folder: Path, *, port: int, ports: Mapping[str, Sequence[int]]) -> Program:
    """Describe nginx on `port`, in front of two register, two query and one console by their ports."""
    folder.mkdir(mode=0o711)
    names = {
        "LISTEN": f"127.0.0.1:{port}",
        "FORWARDED_PROTO": "http",
        "RUN_DIR": str(folder),
        **{
            f"{kind.upper()}_{number}": f"127.0.0.1:{those[number % len(those)]}"
            for kind, those in ports.items()
            for number in (1, 2)
        },
    }
    file = folder / "nginx.conf"
    file.write_text(filled_in(TEMPLATE.read_text(), names))
    return Program(name="gateway", argv=(nginx(), "-p", str(folder), "-c", str(file), "-g", "daemon off;"))


def filled_in(template: str, names: Mapping[str, str]) -> str:
    """Do what envsubst does with these variables: $names in lower case are nginx's own."""
    for name, value in names.items():
        template = template.replace(f"${{{name}}}", value)
    return template


def complaints(program: Program) -> str:
    """Return what `nginx -t` says of the configuration, "" where it passes without a warning."""
    done = subprocess.run([*program.argv[:5], "-t"], capture_output=True, text=True, timeout=30, check=False)
    said = [line for line in done.stderr.splitlines() if "the configuration file" not in line]
    return "\n".join(line for line in said if "test is successful" not in line)

"""Ask a public database of advisories (OSV) about the packages of the lock files.

    python .ci/audit.py [--may-be-left-out] requirements.lock …

Exits with 0 where nothing is known against them, with 1 where something is, and with 2 where nobody answers; with
--may-be-left-out that last one is a line and 0, so that a machine without a way out can check everything else.
Advisories that have been looked at and do no harm here stand with their reason in pyproject.toml, under
[tool.audit.accepted]. AUDIT_URL names another service that speaks OSV's protocol (https://google.github.io/osv.dev/).
"""

import argparse
import json
import os
import re
import sys
import tomllib
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SERVICE = "https://api.osv.dev"
SECONDS = 5
LARGEST_ANSWER = 16 * 1024 * 1024
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

Package = tuple[str, str]


class Unreachable(Exception):
    """The service does not answer, or not as it should."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Ask a public database of advisories about locked packages.")
    parser.add_argument("--may-be-left-out", action="store_true", help="exit with 0 where the service is unreachable")
    parser.add_argument("files", nargs="+", type=Path, metavar="LOCK_FILE")
    options = parser.parse_args(arguments)
    packages = sorted({pair for file in options.files for pair in PINNED.findall(file.read_text(encoding="utf-8"))})
    service = os.environ.get("AUDIT_URL") or SERVICE
    try:
        found = dict(_advisories(packages, service))
    except Unreachable as error:
        sys.stdout.write(f"The audit of dependencies was left out: {service} cannot be asked ({error}).\n")
        return 0 if options.may_be_left_out else 2
    bad = list(_complaints(found, _accepted()))
    sys.stdout.writelines(f"{line}\n" for line in bad)
    sys.stdout.write(f"{len(packages)} locked packages were audited: {len(bad) or 'no'} advisories.\n")
    return 1 if bad else 0


def _advisories(packages: Sequence[Package], service: str) -> Iterator[tuple[Package, list[str]]]:
    """Yield each package with the ids of its advisories."""
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in packages]
    results = _asked(f"{service}/v1/querybatch", {"queries": queries}).get("results")
    if not isinstance(results, list) or len(results) != len(packages):
        raise Unreachable("its answer is not about what was asked")
    for package, result in zip(packages, results, strict=True):
        yield package, [str(one["id"]) for one in (result or {}).get("vulns", ())]


def _asked(url: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, json.dumps(question).encode(), headers)  # noqa: S310 - whoever runs it names it
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the same
            document = json.loads(answer.read(LARGEST_ANSWER))
    except (OSError, ValueError) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    if not isinstance(document, dict):
        raise Unreachable("its answer is no object")
    return document


def _complaints(found: Mapping[Package, Iterable[str]], accepted: Mapping[str, str]) -> Iterator[str]:
    for (name, version), ids in found.items():
        for advisory in ids:
            if advisory not in accepted:
                yield f"{name} {version}: {advisory}, see https://osv.dev/vulnerability/{advisory}"


def _accepted() -> Mapping[str, str]:
    settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    accepted: Mapping[str, str] = settings["tool"]["audit"]["accepted"]
    return accepted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Reads the secrets that task data name: from this worker's files or environment, at the start, and nowhere else."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from django.conf import settings

from scheduler.engine.placeholders import SECRET, SECRET_NAME, is_secret, names_secret
from scheduler.engine.suggestions import did_you_mean
from workers.errors import ExpectedFailure, PermanentFailure

# Not SECRET_: a secret named KEY would be Django's own SECRET_KEY.
PREFIX = "TASK_SECRET_"
# What is shorter cannot be masked: it would turn up everywhere by chance.
MIN_LENGTH = 6
MAX_BYTES = 64 * 1024


class SecretRefused(PermanentFailure):
    """Task data name a secret that their namespace does not list, or name it wrongly."""


class SecretMissing(ExpectedFailure):
    """This worker does not have a secret that the namespace lists; another may."""


class Reading:
    """Fills the secrets of one execution's task data, and remembers the values, for the mask.

    `find_names` returns those that the settings of the namespace list; it is asked once, and only where one is named.
    """

    def __init__(self, namespace: str, find_names: Callable[[], Collection[str]] = tuple) -> None:
        self._namespace = namespace
        self._find_names = find_names
        self._names: Collection[str] | None = None
        self._values: dict[str, str] = {}

    @property
    def values(self) -> Collection[str]:
        """What has been read so far."""
        return self._values.values()

    def fill(self, data: Any, *, path: str = "taskData") -> Any:
        """Return a copy of `data` in which each `{"$secret": "NAME"}` is its value.

        Raises SecretRefused and SecretMissing.
        """
        if is_secret(data):
            return self._read(data, path)
        if isinstance(data, dict):
            return {name: self.fill(value, path=f"{path}.{name}") for name, value in data.items()}
        if isinstance(data, list):
            return [self.fill(value, path=f"{path}[{index}]") for index, value in enumerate(data)]
        return data

    def _read(self, reference: dict[str, Any], path: str) -> str:
        if not names_secret(reference):
            raise SecretRefused(f'{path}: a secret is named by {{"{SECRET}": "NAME"}} alone.')
        name: str = reference[SECRET]
        if self._names is None:
            self._names = self._find_names()
        if name not in self._values:
            self._values[name] = read(name, namespace=self._namespace, names=self._names)
        return self._values[name]


def read(name: str, *, namespace: str, names: Collection[str] = ()) -> str:
    """Return the secret of this name: SECRETS_DIR/NAME without its last line break, else TASK_SECRET_NAME.

    `names` are those that the namespace lists; where there are none, SECRET_NAMES says which it may read.
    Raises SecretRefused, SecretMissing.
    """
    listed = names or settings.SECRET_NAMES.get(namespace, ())
    by = "its secretNames do" if names else "SECRET_NAMES of this worker does"
    if name not in listed or not SECRET_NAME.fullmatch(name):
        raise SecretRefused(
            f"Tasks of namespace {namespace} may not read the secret {name[:100]!r}: {by} not list it."
            f"{did_you_mean(name, listed)}"
        )
    value = _from_file(name)
    if value is None:
        value = _from_environment(name)
    if value is None:
        variable, folder = f"the variable {PREFIX}{name}", settings.SECRETS_DIR
        lacks = f"{variable} nor SECRETS_DIR is set"
        if folder:
            lacks = f"the file {name} in {folder} nor {variable} is there"
        raise SecretMissing(f"This worker lacks the secret {name}: neither {lacks}.")
    if len(value) < MIN_LENGTH:
        raise SecretRefused(f"The secret {name} is shorter than {MIN_LENGTH} characters: it could not be masked.")
    return value


def _from_environment(name: str) -> str | None:
    value = os.environ.get(PREFIX + name)
    if value is not None and not value.isascii() and value.encode("utf-8", "replace").decode() != value:
        raise SecretRefused(f"The secret {name} is no UTF-8 text.")
    return value


def _from_file(name: str) -> str | None:
    if not settings.SECRETS_DIR:
        return None
    try:
        with (Path(settings.SECRETS_DIR) / name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretMissing(f"The secret {name} cannot be read: {error.strerror}.") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise SecretRefused(f"The secret {name} is no UTF-8 text.") from None
    if len(content) > MAX_BYTES:
        raise SecretRefused(f"The secret {name} is longer than {MAX_BYTES} bytes.")
    return text.removesuffix("\n").removesuffix("\r")

"""Templates and tasks made of them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.conftest import Caller
from tests.integration.register.templating.cast import CLEANUP


@pytest.fixture
def template(editor: Caller, handlers: Any) -> Any:
    """Cleans up a region; shared by all."""
    return editor.send("post", "templates", CLEANUP).json()


@pytest.fixture
def make(editor: Caller, template: Any) -> Callable[..., Any]:
    """Makes a task of the template."""

    def of(region: str = "eu", **values: Any) -> Any:
        body = {"parameters": {"region": region} | values}
        return editor.send("post", f"templates/{template['id']}/instantiate", body).json()["tasks"][0]

    return of

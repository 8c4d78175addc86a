"""platform_scheduler.urls.composition."""

import pytest

from platform_scheduler.urls.composition import by_method
from query.api.views import TasksView as Reading
from register.api.views import TasksView as Writing


def test_two_may_not_serve_one_method() -> None:
    with pytest.raises(ValueError, match="GET is served twice"):
        by_method([Reading, Reading])


def test_two_may_share_a_path() -> None:
    assert callable(by_method([Reading, Writing]))

"""Any number of `up`s, gone after their test; one platform for all tests that strike faults."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from drill.definitions import Definition
from drill.engines import Engines
from drill.platform import Platform, Size, running
from tests.acceptance.embedded import Up, remove
from tests.acceptance.struck import Watched, small_disk

Watch = Callable[..., Watched]

# Minutes each. Whichever began last, its process alone would be waited for.
LONGEST = (
    "test_conformance", "test_rolling_upgrade", "test_stress", "test_console", "test_docs", "test_embedded_starts",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files (the processes take the others in turn, as they stand)."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture
def make_up():
    """Make any number of them; whatever a test does, nothing of them outlives it."""
    made: list[Up] = []

    def make(**options) -> Up:
        folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-up-"))
        folder.chmod(0o711)  # as root, PostgreSQL's user has to pass
        made.append(Up(folder, **options))
        return made[-1]

    yield make
    for one in made:
        remove(one)


@pytest.fixture
def up(make_up):
    return make_up()


@pytest.fixture(scope="session")
def struck_platform() -> Iterator[Platform]:
    """A web server, two schedulers and two workers of three children, whose leases last seven seconds."""
    size = Size(children=3, lease_seconds=7, republish_after_seconds=10)
    with small_disk() as disk, running(size, engines=partial(Engines, database_folder=disk)) as platform:
        yield platform


@pytest.fixture
def platform(struck_platform: Platform) -> Iterator[Platform]:
    """The platform, whole again after whatever a test has done to it."""
    yield struck_platform
    for name in struck_platform.names():
        struck_platform.processes.relaunch(name)
    struck_platform.await_ready()


@pytest.fixture
def watch(platform: Platform) -> Watch:
    """Register tasks of the test's own."""

    def register(*definitions: Definition) -> Watched:
        return Watched(platform, definitions)

    return register

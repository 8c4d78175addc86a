"""Several cases in one run: what is measured is kept, whatever becomes of the others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench import run
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample
from platform_scheduler.embedded.errors import CannotStart


class Stage:
    """What a case is given, as far as these ask for it."""

    engines = None
    repeat = 1

    def __init__(self) -> None:
        self.said: list[str] = []
        self.say = self.said.append
        self.wishes = self
        self.is_quick = True


def measures(stage: Any) -> Iterator[Sample]:
    yield {"per s": 1.0}


def case(name: str, measure: Callable[[Any], Iterator[Sample]]) -> Case:
    return Case(name=name, summary=name, measure=measure, aims={})


def failing(error: BaseException) -> Callable[[Any], Iterator[Sample]]:
    def fail(_: object) -> Sample:
        raise error

    return lambda stage: map(fail, [stage])


@pytest.fixture(autouse=True)
def conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_conditions", lambda engines: {"cores": 2})


def run_all(file: Path, error: BaseException) -> None:
    chosen = [case("first", measures), case("second", failing(error)), case("third", measures)]
    run._run_all(chosen, Stage(), say=lambda line: None, file=str(file))  # type: ignore[arg-type]


def names(file: Path) -> list[str]:
    return [one["case"] for one in json.loads(file.read_text())["cases"]]


@pytest.mark.parametrize("error", [MeasurementFailed("too slow"), psycopg.errors.LockNotAvailable("too slow")])
def test_a_case_that_fails_takes_no_other_with_it_and_is_named(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(CannotStart, match="second: too slow"):
        run_all(tmp_path / "figures.json", error)

    assert names(tmp_path / "figures.json") == ["first", "third"]


def test_what_was_measured_before_ctrl_c_is_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_all(tmp_path / "figures.json", KeyboardInterrupt())

    assert names(tmp_path / "figures.json") == ["first"]

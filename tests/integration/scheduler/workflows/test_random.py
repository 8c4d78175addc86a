"""Random workflows with random ends in random order, against a plain model of what must run."""

from datetime import datetime

import psycopg
import pytest

from tests.integration.scheduler.workflows.random_play import Play


@pytest.mark.parametrize("seed", range(14))
def test_every_slot_comes_to_what_the_model_says(connection: psycopg.Connection, now: datetime, seed: int):
    play = Play.of(connection, now, seed)
    play.play()
    assert play.came_to() == play.expected()

"""Refusals of zones, and what a refusal carries."""

import pickle

import pytest

from scheduler.engine.schedules import InvalidSchedule, parse_cron, require_zone
from tests.unit.engine.schedules.cases import refusal

ZONES = [
    ("Europe/Berln", "did you mean Europe/Berlin?"),
    ("europe/berlin", "did you mean Europe/Berlin?"),
    ("Berlin", "did you mean Europe/Berlin?"),
    ("New York", "did you mean America/New_York?"),
    ("Mars/Olympus", "use an IANA name such as Europe/Berlin or UTC."),
    ("", "use an IANA name such as Europe/Berlin or UTC."),
    ("America", "use an IANA name such as Europe/Berlin or UTC."),
    ("localtime", "use an IANA name such as Europe/Berlin or UTC."),
    ("../UTC", "Unknown time zone '../UTC'"),
    ("/etc/localtime", "Unknown time zone '/etc/localtime'"),
    ("UTC\0", "Unknown time zone 'UTC\\x00'"),
    ("x" * 5000, "use an IANA name such as Europe/Berlin or UTC."),
]


@pytest.mark.parametrize(("zone", "remedy"), ZONES)
def test_it_refuses_an_unknown_zone(zone, remedy):
    field, code, message = refusal("0 0 * * *", zone)
    assert (field, code) == ("timeZone", "invalid")
    assert remedy in message


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Etc/GMT+5", "Asia/Calcutta", "EST5EDT"])
def test_it_accepts_a_zone_of_the_database(zone):
    require_zone(zone)
    assert parse_cron("0 0 * * *", zone).time_zone == zone


def test_it_carries_a_refusal_across_processes():
    sent = InvalidSchedule("runAt", "impossible", "It has passed; choose a later one.")
    received = pickle.loads(pickle.dumps(sent))  # noqa: S301
    assert (received.field, received.code, received.message, str(received)) == (
        "runAt",
        "impossible",
        "It has passed; choose a later one.",
        "It has passed; choose a later one.",
    )

"""Notifications by their rules."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.engine import notifications as rules
from scheduler.engine.notifications import Line, Occasion

MAIL: dict[str, Any] = {"kind": "EMAIL", "to": ["ops@example.com"]}
CHAT: dict[str, Any] = {"kind": "CHAT", "url": "https://chat.example/"}
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
FAILURE, RECOVERY, SLA_BREACH, AUTO_PAUSE = Occasion


@pytest.mark.parametrize(
    ("notify_on", "of_namespace", "occasion", "expected"),
    [
        (None, None, FAILURE, []),
        (None, MAIL, FAILURE, [MAIL]),
        (None, MAIL, AUTO_PAUSE, [MAIL]),
        (None, MAIL, SLA_BREACH, [MAIL]),
        (None, MAIL, RECOVERY, []),
        ([], MAIL, FAILURE, []),
        ([{"outcomes": ["RECOVERY"], "channel": None}], MAIL, FAILURE, []),
        ([{"outcomes": ["RECOVERY"], "channel": None}], MAIL, RECOVERY, [MAIL]),
        ([{"outcomes": ["RECOVERY"], "channel": None}], None, RECOVERY, []),
        ([{"outcomes": ["FAILURE"], "channel": CHAT}], MAIL, FAILURE, [CHAT]),
        ([{"outcomes": ["FAILURE"], "channel": one} for one in (CHAT, None, MAIL)], MAIL, FAILURE, [CHAT, MAIL]),
    ],
)
def test_it_knows_whom_to_tell(notify_on: Any, of_namespace: Any, occasion: Occasion, expected: Any) -> None:
    assert rules.channels(notify_on, of_namespace, occasion) == expected


def test_a_channel_is_one_however_it_is_written() -> None:
    assert rules.channel_key("a", MAIL) == rules.channel_key("a", dict(reversed(MAIL.items())))
    assert len({rules.channel_key(namespace, one) for namespace in "ab" for one in (MAIL, CHAT)}) == 4


@pytest.mark.parametrize(
    ("counts", "title"),
    [
        ({"FAILURE": 1}, "[default] 1 task has failed"),
        ({"FAILURE": 1200, "RECOVERY": 1}, "[default] 1,200 tasks have failed, 1 task has recovered"),
        ({"SLA_BREACH": 2, "FAILURE": 1}, "[default] 1 task has failed, 2 tasks have broken an SLA"),
        ({"AUTO_PAUSE": 2}, "[default] 2 tasks have been paused"),
        ({"WEBHOOK_OFF": 1}, "[default] 1 webhook is switched off"),
    ],
)
def test_its_title_says_how_many(counts: dict[str, int], title: str) -> None:
    assert rules.title("default", counts) == title


def test_it_names_the_first_and_counts_the_others() -> None:
    lines = [
        Line("FAILURE", "Nightly report", 3, NOON, "FAILED Traceback:\n  no\n"),
        Line("RECOVERY", "Load", 1, NOON, ""),
    ]

    assert rules.text("default", {"FAILURE": 1000, "RECOVERY": 1}, lines).splitlines() == [
        "[default] 1,000 tasks have failed, 1 task has recovered",
        "",
        "Nightly report: FAILURE at 2030-01-31 12:00:00 UTC, 3 times: FAILED Traceback: no",
        "Load: RECOVERY at 2030-01-31 12:00:00 UTC",
        "… and 999 more",
    ]

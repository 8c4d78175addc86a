"""Advisory locks: each has a number of its own, or two chores would keep each other out."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("bench", "drill", "platform_scheduler", "query", "register", "scheduler", "workers")


def test_no_two_locks_share_a_number() -> None:
    texts = (path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    keys = Counter(key for text in texts for key in re.findall(r"ADVISORY_KEY[^=\n]*= (0x[0-9A-F]+)", text))
    assert len(keys) > 4
    assert [key for key, count in keys.items() if count > 1] == []

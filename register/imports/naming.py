"""Names for jobs that have none, or share one: the same source gives the same names each time."""

import re
from hashlib import blake2b

LONGEST = 120

# What cron's users write so that no mail is sent; it tells nothing about the job. Looked for in the last letters, a few
# times: one pattern over all of a long command would take the square of its length.
_SILENCER = re.compile(r"(&>>?|[12]?>>?)\s{0,9}(/dev/null|&[12])$")
_SILENCER_LENGTH = 30
_MOST_SILENCERS = 4


class Names:
    """The names that one run has given."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def unique(self, name: str, *, told_apart_by: str) -> str:
        """Return the name, or where it is given already one that what tells the two apart is added to."""
        longer = f"{name} [{told_apart_by}]"
        candidate, number = name, 1
        while candidate in self._given:
            candidate, number = (longer if number == 1 else f"{longer} {number}"), number + 1
        self._given.add(candidate)
        return candidate


def of_command(command: str) -> str:
    """Return a name for a command: its text in one line, without what silences it, cut where it is long."""
    text = "".join(each if each.isprintable() else " " for each in _without_silencers(command) or command)
    text = " ".join(text.split())
    if len(text) <= LONGEST:
        return text
    # Two long commands may differ at their end only.
    return f"{text[:LONGEST]}… {blake2b(text.encode(), digest_size=3).hexdigest()}"


def _without_silencers(command: str) -> str:
    text = command.rstrip()
    for _ in range(_MOST_SILENCERS):
        end = text[-_SILENCER_LENGTH:]
        found = _SILENCER.search(end)
        if found is None:
            break
        text = text[: len(text) - len(end) + found.start()].rstrip()
    return text

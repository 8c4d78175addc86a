"""What somebody who wrote an unknown word probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_WORD = 100
CLOSE = 0.6
LETTERS_THAT_TELL = 4


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest of the known words, "" where none is near.

    Case and separators do not count: `cron_expression` is near `cronExpression`; nor does what only one name goes on
    with: `timeout` is near `timeoutSeconds`.
    """
    by_letters = {_letters(name): name for name in known}
    letters = _letters(word[:LONGEST_WORD])
    begun = [name for name in by_letters if name.startswith(letters)] if len(letters) >= LETTERS_THAT_TELL else []
    nearest = begun if len(begun) == 1 else get_close_matches(letters, by_letters, n=1, cutoff=CLOSE)
    return f" Did you mean {by_letters[nearest[0]]!r}?" if nearest else ""


def _letters(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum() or letter == ".")

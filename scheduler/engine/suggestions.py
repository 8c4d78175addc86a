"""What somebody who wrote an unknown word probably meant."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

LONGEST_WORD = 100
CLOSE = 0.6
LETTERS_THAT_TELL = 4
# To look for what each of a hundred thousand names may have meant takes a minute.
MOST_TOLD = 10
MOST_COMPARED = 1_000


def strangers(names: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield names that are not known, each with a hint: what was meant, or behind ten how many more there are."""
    strange = [name for name in names if name not in known]
    for name in strange[:MOST_TOLD]:
        yield name, did_you_mean(name, known)
    if len(strange) > MOST_TOLD:
        yield strange[MOST_TOLD], f" Of {len(strange) - MOST_TOLD - 1:,} more neither."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest of the known words, "" where none is near.

    Case and separators do not count: `cron_expression` is near `cronExpression`; nor does what only one name goes on
    with: `timeout` is near `timeoutSeconds`. Of more than a thousand known words the first are compared.
    """
    by_letters = {_letters(name): name for name in islice(known, MOST_COMPARED)}
    letters = _letters(word[:LONGEST_WORD])
    begun = [name for name in by_letters if name.startswith(letters)] if len(letters) >= LETTERS_THAT_TELL else []
    nearest = begun if len(begun) == 1 else get_close_matches(letters, by_letters, n=1, cutoff=CLOSE)
    return f" Did you mean {by_letters[nearest[0]]!r}?" if nearest else ""


def _letters(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum() or letter == ".")

"""How what could not be carried over is told: what many jobs share once, with their places."""

from collections.abc import Iterable, Iterator

# Up to so many are told one by one.
ALONE = 3
PLACES_SHOWN = 100


def told(complaints: Iterable[str]) -> Iterator[str]:
    """Yield a line for each of `place: message`, or one for all that share a message, in order of the first."""
    places: dict[str, list[str]] = {}
    for complaint in complaints:
        place, _, message = complaint.partition(": ")
        places.setdefault(message, []).append(place)
    for message, where in places.items():
        if len(where) <= ALONE:
            yield from (f"{place}: {message}" for place in where)
        else:
            more = f" and {len(where) - PLACES_SHOWN:,} more" if len(where) > PLACES_SHOWN else ""
            yield f"{message} ({len(where):,} jobs)"
            yield f"  {', '.join(where[:PLACES_SHOWN])}{more}"

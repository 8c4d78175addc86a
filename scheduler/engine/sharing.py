"""How namespaces share a batch: by weight, everybody something, and what is left over in turns."""

from collections.abc import Mapping


def shares(total: int, weights: Mapping[str, int], *, turn: int = 0) -> dict[str, int]:
    """Split `total` among names in proportion to their weights; the parts add up to it.

    Whole parts first; what remains goes one by one to the largest remainders. Where there are more names than parts,
    `turn` decides who comes first this time, so that over many batches nobody is left out.
    """
    names = sorted(weights)
    if not names or total <= 0:
        return {}
    offset = turn % len(names)
    names = names[offset:] + names[:offset]
    if total <= len(names):
        return dict.fromkeys(names[:total], 1)
    sum_of_weights = sum(weights.values())
    spare = total - len(names)
    exact = {name: spare * weights[name] for name in names}
    parts = {name: 1 + exact[name] // sum_of_weights for name in names}
    by_remainder = sorted(names, key=lambda name: -(exact[name] % sum_of_weights))
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts

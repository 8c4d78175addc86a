"""Every case, in the order in which they are listed and run."""

from bench.cases import burst, claim, slots, steady
from bench.figures import Case

CASES: dict[str, Case] = {case.name: case for case in (burst.CASE, steady.CASE, slots.CASE, claim.CASE)}

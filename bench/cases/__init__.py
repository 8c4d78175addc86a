"""Every case, in the order in which they are listed and run."""

from bench.cases import (
    backlog,
    bundles,
    burst,
    claim,
    edit,
    end_to_end,
    endurance,
    flex,
    footprint,
    idle,
    predictions,
    query,
    register,
    registered,
    simulation,
    slots,
    steady,
    two_schedulers,
)
from bench.figures import Case

_MODULES = (
    burst, steady, registered, backlog, idle, edit, end_to_end, bundles, two_schedulers, endurance, slots, claim,
    footprint, register, query, predictions, flex, simulation,
)  # fmt: skip
CASES: dict[str, Case] = {module.CASE.name: module.CASE for module in _MODULES}

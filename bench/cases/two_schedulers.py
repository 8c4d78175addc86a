"""`two-schedulers`: what a second scheduler adds, and that none fires what the other has fired."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import psutil

from bench import bursts, tasks
from bench.arena import Arena
from bench.bursts import Burst
from bench.figures import Case, Sample, at_least
from bench.shares import Shares
from bench.stage import Stage

# Of all cores, for each process where some are to be left free: a scheduler and its backends keep 2.7 of these busy.
SHARE = 0.15
CORES = psutil.cpu_count() or 1
HELD = "with cores free, "

Hold = Callable[[Sequence[int]], None]


def measure(stage: Stage) -> Iterator[Sample]:
    """Fire bursts with one scheduler and with two, in turns; a burst whose rows or messages are doubled fails.

    One scheduler and PostgreSQL keep two cores busy by themselves. So, where this user may hold processes to a share of
    a core, bursts are fired with that too: then one leaves cores free, and what a second one adds, or spoils, shows.
    """
    registered, due = stage.size((100_000, 20_000), (2_000, 400))
    with Shares.of_machine() as shares, stage.arena() as arena:
        ways: dict[str, Hold | None] = {"": None}
        if shares is None:
            stage.say("With cores free nothing is measured: this user may make no control groups here.")
        else:
            ways[HELD] = partial(shares.hold, cores=min(SHARE * CORES, 1.0))
        tasks.register(arena, count=registered)
        for _ in range(stage.repeat):
            sample = {"cores": float(CORES)}
            for way, hold in ways.items():
                one, two = (_fire(arena, count, registered=registered, due=due, hold=hold) for count in (1, 2))
                sample[f"{way}rate of two / of one"] = one.seconds / two.seconds
                sample |= _figures(f"{way}one", one) | _figures(f"{way}two", two)
            yield sample


def _fire(arena: Arena, schedulers: int, *, registered: int, due: int, hold: Hold | None) -> Burst:
    """Fire one burst, each process of the platform and of PostgreSQL held by `hold`, if any."""
    with arena.schedulers(schedulers):
        if hold is not None:
            for pids in arena.pids():
                hold(pids)
        return bursts.fire(arena, first=1, count=due, step=registered // due)


def _figures(name: str, burst: Burst) -> dict[str, float]:
    spent = burst.cpu["all CPU ms per 1,000"]
    return {
        f"{name}: firings per s": burst.count / burst.seconds,
        f"{name}: all CPU ms per 1,000": spent,
        f"{name}: cores busy": spent / 1e6 * burst.count / burst.seconds,
    }


CASE = Case(
    name="two-schedulers",
    summary="20,000 due in one instant with two schedulers against one, each slot checked to fire once",
    measure=measure,
    aims={f"{HELD}rate of two / of one": at_least(1.2)},
)

"""Flow control as it stands: what is in force, what it covers, what is planned. Read by everybody who shows it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from scheduler.engine import flow as engine
from scheduler.engine.flow import FlowMode, Settings
from scheduler.models import FlowControl, FlowState


@dataclass(frozen=True, slots=True)
class FlowStanding:
    """What holds at an instant: `current` None where nobody has asked for anything, so that nothing is limited.

    `covered` are in force again when others end, `planned` begin later.
    """

    version: int
    current: FlowControl | None
    covered: tuple[FlowControl, ...] = ()
    planned: tuple[FlowControl, ...] = ()

    @property
    def mode(self) -> FlowMode:
        """The mode of all that is not limited by its queue, class or namespace."""
        return FlowMode(self.current.document["mode"]) if self.current is not None else FlowMode.NORMAL

    @property
    def is_stopped(self) -> bool:
        """Tell whether nothing goes."""
        return self.mode is FlowMode.PAUSED

    @property
    def is_limiting(self) -> bool:
        """Tell whether anything is limited or paused."""
        return self.current is not None and bool(engine.limits(self.current.document))


def flow_standing(*, now: datetime) -> FlowStanding:
    """Return how flow control stands at `now`: two short reads."""
    state = FlowState.objects.filter(id=1).values_list("version", flat=True).first()
    here = FlowControl.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), withdrawn_at=None)
    rows = {row.id: row for row in here}
    asked = [Settings(row.id, row.document, row.created_at, row.starts_at, row.expires_at) for row in rows.values()]
    current = engine.in_force(asked, now)
    return FlowStanding(
        state or 1,
        rows[current.id] if current is not None else None,
        tuple(rows[one.id] for one in engine.covered(asked, now)),
        tuple(rows[one.id] for one in engine.planned(asked, now)),
    )

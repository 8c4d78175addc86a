"""Flow control as it stands: what is in force, what it covers, what is planned. Read by everybody who shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from scheduler import clock
from scheduler.engine import flow as engine
from scheduler.engine.flow import FlowMode, Settings
from scheduler.models import FlowControl, FlowState

LOOKED_THROUGH = 100


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


def flow_at(instant: datetime) -> FlowControl | None:
    """Return the settings that were in force at an instant up to now; None where nothing was limited.

    Looked for among those that hold still, and the hundred that had begun last by then.
    """
    begun = FlowControl.objects.filter(starts_at__lte=instant)
    last = begun.order_by("-starts_at", "-id").values("id")[:LOOKED_THROUGH]
    found = begun.filter(Q(withdrawn_at=None) | Q(id__in=last))
    rows = {row.id: row for row in found if row.withdrawn_at is None or row.withdrawn_at > instant}
    current = engine.in_force([_settings(row) for row in rows.values()], instant)
    return rows[current.id] if current is not None else None


def _settings(row: FlowControl) -> Settings:
    return Settings(row.id, row.document, row.created_at, row.starts_at, row.expires_at)


def flow_standing(*, now: datetime) -> FlowStanding:
    """Return how flow control stands at `now`: two short reads."""
    state = FlowState.objects.filter(id=1).values_list("version", flat=True).first()
    rows = {row.id: row for row in FlowControl.objects.filter(withdrawn_at=None)}
    asked = [_settings(row) for row in rows.values()]
    current = engine.in_force(asked, now)
    return FlowStanding(
        state or 1,
        rows[current.id] if current is not None else None,
        tuple(rows[one.id] for one in engine.covered(asked, now)),
        tuple(rows[one.id] for one in engine.planned(asked, now)),
    )


def beside_pages(request: HttpRequest) -> dict[str, Any]:
    """Return what every page of the console may show; nothing is read until one does."""
    return {"flow_standing": SimpleLazyObject(lambda: flow_standing(now=clock.now()))}

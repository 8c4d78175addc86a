"""What is foreseen: which runs end when, which of them will miss their SLA, and when the fleet is busiest."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from platform_scheduler.console.answering import page, require
from platform_scheduler.console.heat import HOURS_SHOWN, heat
from query import forecast, outlooks
from scheduler import clock
from scheduler.seats import scope_of

PEAKS: Final = 5


def predictions_page(request: HttpRequest) -> HttpResponse:
    """Show when what runs will end, what will miss its SLA, and the load to come."""
    require(request)
    now, scope = clock.now(), scope_of(request)
    load = forecast.forecast(HOURS_SHOWN, namespace=scope, now=now)
    content: dict[str, Any] = {
        "shown": outlooks.outlooks(namespace=scope, now=now),
        "heat": heat(load),
        "peaks": load.peaks[:PEAKS],
    }
    return page(request, "predictions", content, title="Predictions", at=now)


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {
    "predictions": ("predictions/", predictions_page),
}

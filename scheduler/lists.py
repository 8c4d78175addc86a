"""From the parameters of a list to its answer: filtered, in order, one page or what follows a cursor."""

from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from django_filters import FilterSet  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from scheduler.errors import Fault, InvalidInput
from scheduler.keysets import InvalidCursor, Order
from scheduler.parameters import DEFAULT_SIZE, MOST_SIZE, PAGING, Reader, Window
from scheduler.representations import Json, page_as_json
from scheduler.totals import total_of

PAGING_PARAMETERS = [
    OpenApiParameter("page", OpenApiTypes.INT, description="From 0.", default=0),
    OpenApiParameter("size", OpenApiTypes.INT, description=f"Up to {MOST_SIZE}.", default=DEFAULT_SIZE),
    OpenApiParameter("cursor", description="The nextCursor of the answer before, instead of page."),
]

Show = Callable[[Any], Json]


def answer_list(parameters: QueryDict, filters: FilterSet, *, order: Callable[[], Order], show: Show) -> Json:
    """Return the list as it is answered; `order` is asked once the filters are valid. Raises InvalidInput."""
    reader = Reader(parameters)
    reader.refuse_strangers([*filters.filters, *PAGING])
    window = reader.window()
    rows = reader.filtered(filters)
    reader.raise_faults()
    return _answer(rows, window, order(), show)


def _answer(rows: Any, window: Window, order: Order, show: Show) -> Json:
    found = _read(rows, window, order)
    total = total_of(rows)
    return page_as_json(
        [show(row) for row in found[: window.size]],
        page=None if window.cursor else window.page,
        size=window.size,
        total=total.count,
        is_total_estimated=total.is_estimated,
        next_cursor=order.cursor(found[window.size - 1]) if len(found) > window.size else None,
    )


def _read(rows: Any, window: Window, order: Order) -> list[Any]:
    """Return the rows asked for and the one after them, if there is one."""
    ordered = order.sort(rows)
    if window.cursor is None:
        first = window.page * window.size
        return list(ordered[first : first + window.size + 1])
    try:
        return list(order.after(ordered, window.cursor)[: window.size + 1])
    except InvalidCursor as refusal:
        raise InvalidInput([Fault("cursor", "invalid", str(refusal))]) from None

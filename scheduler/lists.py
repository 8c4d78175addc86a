"""From the parameters of a list to its answer: filtered, in order, one page or what follows a cursor."""

from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from scheduler.errors import Fault, InvalidInput
from scheduler.filtering import ListFilter
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


def answer_list(parameters: QueryDict, filters: ListFilter, *, order: Callable[[], Order], show: Show) -> Json:
    """Return the list as it is answered; `order` is asked once the filters are valid. Raises InvalidInput."""
    reader = Reader(parameters)
    reader.refuse_strangers([*filters.filters, *PAGING])
    window = reader.window()
    parts = reader.filtered(filters)
    reader.raise_faults()
    return _answer(parts, window, order(), show)


def _answer(parts: list[Any], window: Window, order: Order, show: Show) -> Json:
    found = _read(parts, window, order)
    total = total_of(parts)
    return page_as_json(
        [show(row) for row in found[: window.size]],
        page=None if window.cursor else window.page,
        size=window.size,
        total=total.count,
        is_total_estimated=total.is_estimated,
        next_cursor=order.cursor(found[window.size - 1]) if len(found) > window.size else None,
    )


def _read(parts: list[Any], window: Window, order: Order) -> list[Any]:
    """Return the rows asked for and the one after them, if there is one, from one part after the other."""
    skipped = 0 if window.cursor else window.page * window.size
    found: list[Any] = []
    for rows in parts:
        ordered = _behind(order.sort(rows), window, order)
        most = skipped + window.size + 1 - len(found)
        read = list(ordered[skipped:most])
        found += read
        if len(found) > window.size:
            break
        # Where nothing was read, the whole part may lie before the page.
        skipped = 0 if read or not skipped else max(skipped - ordered.count(), 0)
    return found


def _behind(ordered: Any, window: Window, order: Order) -> Any:
    if window.cursor is None:
        return ordered
    try:
        return order.after(ordered, window.cursor)
    except InvalidCursor as refusal:
        raise InvalidInput([Fault("cursor", "invalid", str(refusal))]) from None

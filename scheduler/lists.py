"""From the parameters of a list to its answer: filtered, in order, one page or what follows a cursor."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db.models import Model
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from scheduler.errors import Fault, InvalidInput
from scheduler.filtering import ListFilter
from scheduler.keysets import InvalidCursor, Order
from scheduler.parameters import DEFAULT_SIZE, MOST_LEAFED, MOST_SIZE, PAGING, Reader, Window, whole
from scheduler.representations import Json, page_as_json
from scheduler.totals import Total, total_of

PAGING_PARAMETERS = [
    OpenApiParameter("page", whole(0, MOST_LEAFED), description="From 0.", default=0),
    OpenApiParameter("size", whole(1, MOST_SIZE), description=f"Up to {MOST_SIZE}.", default=DEFAULT_SIZE),
    OpenApiParameter("cursor", description="The nextCursor of the answer before, instead of page."),
]

Show = Callable[[Any], Json]
FAR = 1_000


def answer_list(parameters: QueryDict, filters: ListFilter, *, order: Callable[[], Order], show: Show) -> Json:
    """Return the list as it is answered; `order` is asked once the filters are valid. Raises InvalidInput."""
    reader = Reader(parameters)
    reader.refuse_strangers([*filters.filters, *PAGING])
    window = reader.window()
    reader.look_at(filters)
    reader.raise_faults()
    return _answer(filters, window, order(), show)


def _answer(filters: ListFilter, window: Window, order: Order, show: Show) -> Json:
    total = total_of(filters.counted(), minus=filters.overcounted(), counting=filters.counting())
    of_few = replace(order, is_few=not total.is_estimated and filters.is_read_by_keys())
    found = [] if _is_known_empty(total, window) else _read(filters, total, window, of_few)
    filters.complete(found[: window.size])
    total = _as_seen(total, window, len(found))
    return page_as_json(
        [show(row) for row in found[: window.size]],
        page=None if window.cursor else window.page,
        size=window.size,
        total=total.count,
        is_total_estimated=total.is_estimated,
        next_cursor=order.cursor(found[window.size - 1]) if len(found) > window.size else None,
    )


def _is_known_empty(total: Total, window: Window) -> bool:
    """Tell whether there is nothing to read; a cursor is looked at in any case, for it may belong to another list."""
    return not total.count and not total.is_estimated and window.cursor is None


def _as_seen(total: Total, window: Window, found: int) -> Total:
    """Return the total; an estimate as what was read has it: whoever has seen the end of the list knows it."""
    if not total.is_estimated:
        return total
    before = 0 if window.cursor else window.page * window.size
    if not window.cursor and found <= window.size and (found or not before):
        return Total(before + found)
    # What is shown is there, and of a page on which nothing is nothing lies.
    is_beyond = not window.cursor and not found
    return replace(total, count=min(total.count, before) if is_beyond else max(total.count, before + found))


def _read(filters: ListFilter, total: Total, window: Window, order: Order) -> list[Any]:
    """Return the rows asked for and the one after them, if there is one, from one part after the other."""
    skipped = 0 if window.cursor else window.page * window.size
    found: list[Any] = []
    for number, rows in enumerate(filters.parts(is_sparse=total.is_sparse)):
        is_rest = order.is_split and number > 0
        by_keys = skipped >= FAR or filters.is_read_by_keys()
        among, order_there = filters.keyed(rows, order) if by_keys else (rows, order)
        of = filters.queryset.model
        ordered = _behind(order_there.sort(among, is_rest=is_rest), window, order_there, of=of, is_rest=is_rest)
        most = skipped + window.size + 1 - len(found)
        read = _by_keys(filters, ordered, skipped, most) if by_keys else list(ordered[skipped:most])
        found += read
        if len(found) > window.size:
            break
        # Where nothing was read, the whole part may lie before the page.
        skipped = 0 if read or not skipped else max(skipped - ordered[:skipped].count(), 0)
    return found


def _by_keys(filters: ListFilter, ordered: Any, first: int, most: int) -> list[Any]:
    """Return rows that lie far back, or are sorted: what is counted off or sorted is their keys alone."""
    keys = list(ordered.values_list("pk", flat=True)[first:most])
    rows = {row.pk: row for row in filters.queryset.filter(pk__in=keys)} if keys else {}
    return [rows[key] for key in keys if key in rows]


def _behind(ordered: Any, window: Window, order: Order, *, of: type[Model], is_rest: bool) -> Any:
    if window.cursor is None:
        return ordered
    try:
        return order.after(ordered, window.cursor, of=of, is_rest=is_rest)
    except InvalidCursor as refusal:
        raise InvalidInput([Fault("cursor", "invalid", str(refusal))]) from None

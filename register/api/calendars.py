"""Calendars over HTTP; the gateway sends every path that is not query's here."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from django_filters import CharFilter  # type: ignore[import-untyped]
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from register.api.calendar_input import (
    MOST_DAYS,
    NAME_MAX_LENGTH,
    CalendarInput,
    CalendarPreviewInput,
    read_calendar_changes,
    read_calendar_preview,
    read_new_calendar,
    read_period,
)
from register.api.preconditions import accepted_versions
from register.calendars import selectors, services
from register.calendars.effect import effect_of_change
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.answers import CalendarAnswer, CalendarEffectAnswer, CalendarPage, ClosedDaysAnswer
from scheduler.engine.calendars import read_calendar
from scheduler.filtering import ListFilter
from scheduler.keysets import Order
from scheduler.lists import PAGING_PARAMETERS, answer_list
from scheduler.models import Calendar
from scheduler.models.choices import Role
from scheduler.parameters import Reader, refuse_all
from scheduler.representations import calendar_as_json, closed_as_json, etag, instant
from scheduler.tokens import Caller, caller_of

_IF_MATCH = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The calendar's ETag, or *.")
_DRY_RUN = OpenApiParameter(
    "dryRun", OpenApiTypes.BOOL, default=False, description="Only tell what this would do to the tasks that fire next."
)
_CHANGED = {
    200: PolymorphicProxySerializer(
        "CalendarChanged", [CalendarAnswer, CalendarEffectAnswer], resource_type_field_name=None
    )
}


class CalendarFilter(ListFilter):
    """The list of calendars."""

    name = CharFilter(max_length=NAME_MAX_LENGTH)
    namespace = CharFilter(max_length=KEY_MAX_LENGTH)

    class Meta:
        model = Calendar
        fields: list[str] = []


class CalendarsView(APIView):
    """All calendars."""

    @extend_schema(
        operation_id="listCalendars", summary="List calendars", tags=["calendars"],
        parameters=[OpenApiParameter("name"), OpenApiParameter("namespace"), *PAGING_PARAMETERS],
        responses={200: CalendarPage},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the calendars that the caller may see, by name."""
        filters = CalendarFilter(
            request.query_params, queryset=selectors.listed(namespace=caller_of(request).namespace)
        )
        return Response(answer_list(request.query_params, filters, order=lambda: Order("name"), show=calendar_as_json))

    @extend_schema(
        operation_id="createCalendar", summary="Create a calendar", tags=["calendars"], request=CalendarInput,
        responses={201: CalendarAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Create a calendar that tasks can name."""
        caller = caller_of(request)
        given = read_new_calendar(request.data)
        calendar = services.create_calendar(given, actor=caller.name, namespace=caller.namespace, now=caller.now)
        answer = _answer(calendar.id, caller, status=201)
        answer["Location"] = f"/api/v1/calendars/{calendar.id}"
        return answer


class CalendarView(APIView):
    """One calendar."""

    @extend_schema(
        operation_id="getCalendar", summary="Show a calendar", tags=["calendars"], responses={200: CalendarAnswer}
    )
    def get(self, request: Request, calendar_id: UUID) -> Response:
        """Show a calendar; `pendingTaskCount` is how many tasks its latest rules have not moved yet."""
        refuse_all(request.query_params)
        return _answer(calendar_id, caller_of(request))

    @extend_schema(
        operation_id="updateCalendar", summary="Change a calendar", tags=["calendars"],
        request=CalendarInput(partial=True), parameters=[_IF_MATCH, _DRY_RUN], responses=_CHANGED,
    )  # fmt: skip
    def put(self, request: Request, calendar_id: UUID) -> Response:
        """Change the fields given and keep the others; other rules move the tasks that use the calendar."""
        return self._change(request, calendar_id)

    @extend_schema(
        operation_id="patchCalendar", summary="Change a calendar", tags=["calendars"],
        request=CalendarInput(partial=True), parameters=[_IF_MATCH, _DRY_RUN], responses=_CHANGED,
    )  # fmt: skip
    def patch(self, request: Request, calendar_id: UUID) -> Response:
        """Change the fields given and keep the others, as PUT does."""
        return self._change(request, calendar_id)

    @extend_schema(
        operation_id="deleteCalendar", summary="Delete a calendar", tags=["calendars"], parameters=[_IF_MATCH],
        responses={204: OpenApiResponse(description="Deleted.")},
    )  # fmt: skip
    def delete(self, request: Request, calendar_id: UUID) -> Response:
        """Delete a calendar that no task uses."""
        caller = caller_of(request)
        services.delete_calendar(
            calendar_id, namespace=caller.namespace, versions=accepted_versions(request), now=caller.now
        )
        return Response(status=204)

    def _change(self, request: Request, calendar_id: UUID) -> Response:
        caller = caller_of(request)
        given = read_calendar_changes(request.data)
        if Reader(request.query_params).is_dry_run():
            return _effect(request, calendar_id, given)
        services.change_calendar(
            calendar_id, given, namespace=caller.namespace, versions=accepted_versions(request), now=caller.now
        )
        return _answer(calendar_id, caller)


class ClosedDaysView(APIView):
    """The closed days of a calendar."""

    @extend_schema(
        operation_id="listClosedDays", summary="List a calendar's closed days", tags=["calendars"],
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, description="The first day; today where it is left out."),
            OpenApiParameter("to", OpenApiTypes.DATE, description=f"The last day, {MOST_DAYS} days on at most."),
        ],
        responses={200: ClosedDaysAnswer},
    )  # fmt: skip
    def get(self, request: Request, calendar_id: UUID) -> Response:
        """List the days on which no slot runs, and why; `to` is included, and a year on where it is left out."""
        caller = caller_of(request)
        rules = read_calendar(selectors.find(calendar_id, namespace=caller.namespace).rules)
        reader = Reader(request.query_params)
        reader.refuse_strangers(["from", "to"])
        zone = rules.time_zone or "UTC"
        first, count = read_period(reader, today=_today(caller, zone))
        return Response(closed_as_json(rules, time_zone=zone, first=first, count=count))


class CalendarPreviewView(APIView):
    """Rules that nobody has stored yet."""

    required_roles = {"POST": Role.VIEWER}

    @extend_schema(
        operation_id="previewCalendar", summary="Preview the rules of a calendar", tags=["calendars"],
        request=CalendarPreviewInput, responses={200: ClosedDaysAnswer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """List the days that some rules close, and why; nothing is stored."""
        refuse_all(request.query_params)
        given = read_calendar_preview(request.data)
        rules = read_calendar(given["rules"])
        zone = rules.time_zone or given["time_zone"]
        first = given.get("first") or _today(caller_of(request), zone)
        return Response(closed_as_json(rules, time_zone=zone, first=first, count=given["days"]))


def _answer(calendar_id: UUID, caller: Caller, *, status: int = 200) -> Response:
    calendar = selectors.find(calendar_id, namespace=caller.namespace)
    return Response(calendar_as_json(calendar), status=status, headers={"ETag": etag(calendar)})


def _effect(request: Request, calendar_id: UUID, given: Given) -> Response:
    caller = caller_of(request)
    # Nothing is changed: where If-Match is demanded of changes, this one need not say which version it saw.
    versions = accepted_versions(request) if "If-Match" in request.headers else None
    effect = effect_of_change(calendar_id, given, namespace=caller.namespace, versions=versions, now=caller.now)
    return Response(
        {
            "id": str(effect.calendar.id),
            "version": effect.calendar.version,
            "changesRules": effect.changes_rules,
            "taskCount": effect.task_count,
            "tasks": [
                {
                    "id": str(move.task.id),
                    "name": move.task.name,
                    "namespace": move.task.namespace,
                    "status": move.task.status,
                    "before": instant(move.before),
                    "after": instant(move.after),
                }
                for move in effect.moves
            ],
        }
    )


def _today(caller: Caller, time_zone: str) -> date:
    return caller.now.astimezone(ZoneInfo(time_zone)).date()

"""Joins the routes of several apps into one URLconf: one path, served by method."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import SAFE_METHODS
from rest_framework.views import APIView

from platform_scheduler.documents import DocsView, SchemaView
from platform_scheduler.idempotency import keyed, refusal
from platform_scheduler.problems import Problem, plain_answer
from scheduler import clock, tokens
from scheduler.models import ApiToken

logger = logging.getLogger(__name__)

Routes = Mapping[str, type[APIView]]
View = Callable[..., HttpResponseBase]

PREFIX = "api/v1/"

# What every web profile serves, whichever part of the house it is.
PROBES: list[URLPattern | URLResolver] = [
    path("", include("platform_scheduler.health")),
    path("", include("platform_scheduler.scraping")),
]


class ServedElsewhere(APIView):
    """A path of the API that another process serves: whatever comes here with it has the wrong method."""


def api(*apps: Routes, elsewhere: Sequence[Routes] = ()) -> list[URLPattern]:
    """Return the API of these apps with the documents that describe the whole.

    `elsewhere` is what other processes behind the same gateway serve: its paths are known here, so that a method
    that leads to the wrong process is answered 405 with all that the path takes, and not 404.
    """
    every = [*apps, *elsewhere]
    patterns = [
        path(
            PREFIX + route,
            by_method(_classes(route, apps) or [ServedElsewhere], known=_classes(route, every)),
        )
        for route in dict.fromkeys(route for routes in every for route in routes)
    ]
    return [
        *patterns,
        path("api/schema/", SchemaView.as_view(), name="schema"),
        path("api/docs/", DocsView.as_view(url_name="schema"), name="docs"),
    ]


def by_method(classes: Sequence[type[APIView]], *, known: Sequence[type[APIView]] = ()) -> View:
    """Return one view that hands each method to the class that has it; two may not have the same one.

    A method that none has is refused by the first, and Allow names what these and `known` take.
    """
    views: dict[str, View] = {}
    for view_class in classes:
        for method in _methods(view_class):
            if method in views:
                raise ValueError(f"{method} is served twice: by {view_class} and before it.")
            views[method] = (keyed(view_class) if method == "POST" else view_class).as_view()
    allowed = {"OPTIONS", *(method for view_class in [*classes, *known] for method in _methods(view_class))}
    otherwise = classes[0].as_view()

    @csrf_exempt  # tokens, unlike cookies, are not sent by a stranger's page
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            # WSGI shows a body of unknown length as none at all: what was sent must not be taken for "nothing".
            return plain_answer(Problem(411, "length-required", "Send the body with its Content-Length."))
        # A method that nobody has is that first of all, whatever came with it.
        if request.method in views and (refused_key := refusal(request)):
            return refused_key
        answer = views.get(request.method or "", otherwise)(request, *args, **kwargs)
        _note_write(request)
        if "Allow" in answer.headers:
            refused = _alike(request.method or "") if answer.status_code == 405 else frozenset()
            answer.headers["Allow"] = ", ".join(sorted(allowed - refused))
        return answer

    return dispatch


def _note_write(request: HttpRequest) -> None:
    """Note whose token has written, once the work is committed, so that it reads what it has written."""
    token = request.__dict__.get(
        "user"
    )  # the framework sets it; whoever is logged in to the console has written nothing
    if request.method in SAFE_METHODS or not isinstance(token, ApiToken):
        return
    try:
        tokens.note_write(token, clock.now())
    except (Error, psycopg.Error) as error:
        logger.warning("That token %s has written is not noted: %s", token.name, error)


def _alike(method: str) -> frozenset[str]:
    """Return the methods that share this one's fate: a process that has no GET has no HEAD."""
    return frozenset({"GET", "HEAD"}) if method in ("GET", "HEAD") else frozenset({method})


def _classes(route: str, apps: Sequence[Routes]) -> list[type[APIView]]:
    return [routes[route] for routes in apps if route in routes]


def _methods(view_class: type[APIView]) -> list[str]:
    methods = [name.upper() for name in APIView.http_method_names if name != "options" and hasattr(view_class, name)]
    return [*methods, "HEAD"] if "GET" in methods else methods

"""Joins the routes of several apps into one URLconf: one path, served by method."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.views import APIView

from platform_scheduler.documents import DocsView, SchemaView
from platform_scheduler.problems import Problem, plain_answer

Routes = Mapping[str, type[APIView]]
View = Callable[..., HttpResponseBase]

PREFIX = "api/v1/"


def api(*apps: Routes) -> list[URLPattern]:
    """Return the API of these apps with the documents that describe the whole."""
    routes = dict.fromkeys(route for routes in apps for route in routes)
    patterns = [
        path(PREFIX + route, by_method([routes[route] for routes in apps if route in routes])) for route in routes
    ]
    return [
        *patterns,
        path("api/schema/", SchemaView.as_view(), name="schema"),
        path("api/docs/", DocsView.as_view(url_name="schema"), name="docs"),
    ]


def by_method(classes: Sequence[type[APIView]]) -> View:
    """Return one view that hands each method to the class that has it; two may not have the same one.

    A method that none has is refused by the first, and Allow names what any of them takes.
    """
    views: dict[str, View] = {}
    for view_class in classes:
        for method in _methods(view_class):
            if method in views:
                raise ValueError(f"{method} is served twice: by {view_class} and before it.")
            views[method] = view_class.as_view()
    allowed = ", ".join(sorted({*views, "OPTIONS"}))
    otherwise = classes[0].as_view()

    @csrf_exempt  # tokens, unlike cookies, are not sent by a stranger's page
    def dispatch(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            # WSGI shows a body of unknown length as none at all: what was sent must not be taken for "nothing".
            return plain_answer(Problem(411, "length-required", "Send the body with its Content-Length."))
        answer = views.get(request.method or "", otherwise)(request, *args, **kwargs)
        if "Allow" in answer.headers:
            answer.headers["Allow"] = allowed
        return answer

    return dispatch


def _methods(view_class: type[APIView]) -> list[str]:
    methods = [name.upper() for name in APIView.http_method_names if name != "options" and hasattr(view_class, name)]
    return [*methods, "HEAD"] if "GET" in methods else methods

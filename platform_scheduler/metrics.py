"""Counts the requests of a web process for Prometheus."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram
from rest_framework.views import APIView

from scheduler import clock
from scheduler.exposition import NAMESPACE, BuildInfo

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

# A client may invent methods; each would be a series for ever.
METHODS = frozenset(name.upper() for name in APIView.http_method_names)

registry = CollectorRegistry()
requests = Counter(
    "http_requests",
    "Requests answered.",
    ["method", "route", "status"],
    namespace=NAMESPACE,
    registry=registry,
)
latency = Histogram(
    "http_request_duration_seconds",
    "From a request's arrival in Django to its answer; of a stream, to its beginning.",
    ["method", "route"],
    namespace=NAMESPACE,
    buckets=LATENCY_BUCKETS,
    registry=registry,
)
build = BuildInfo()


class RequestMetrics:
    """Middleware around all others: counts what they answer by themselves, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and count the answer."""
        began = clock.monotonic()
        response = self._get_response(request)
        seconds = clock.monotonic() - began
        method = request.method if request.method in METHODS else "OTHER"
        route = route_of(request)
        requests.labels(method=method, route=route, status=f"{response.status_code // 100}xx").inc()
        latency.labels(method=method, route=route).observe(seconds)
        return response


def route_of(request: HttpRequest) -> str:
    """Return the route's template, never the path: paths hold ids, and a scan for weak spots invents them."""
    if request.resolver_match:
        return f"/{request.resolver_match.route}"
    return settings.STATIC_URL if request.path.startswith(settings.STATIC_URL) else "unmatched"

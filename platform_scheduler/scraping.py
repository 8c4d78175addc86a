"""Serves the metrics of a web process: at /metrics to viewers, or to everybody on a port of its own."""

import fcntl
import logging
import threading
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_scheduler import metrics
from platform_scheduler.siblings import shared_folder
from scheduler import exposition, health

logger = logging.getLogger(__name__)


def render(accept: str) -> tuple[bytes, str]:
    """Return the metrics of this server for a scraper that accepts `accept`, and their content type."""
    scraped = CollectorRegistry()
    scraped.register(metrics.build)
    if folder := shared_folder():
        MultiProcessCollector(scraped, path=str(folder))  # type: ignore[no-untyped-call]
    else:
        scraped.register(metrics.registry)
    return exposition.render(scraped, accept)


class _AnyFormat(BaseContentNegotiation):
    """Leaves the Accept header to the exposition: scrapers ask for formats that no renderer here has."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MetricsView(APIView):
    """Prometheus' metrics, to any viewer; to everybody with METRICS_OPEN=1."""

    content_negotiation_class = _AnyFormat

    def get_authenticators(self) -> list[Any]:
        """Ask for a token, unless the metrics are open."""
        return [] if settings.METRICS_OPEN else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        """Ask for the role, unless the metrics are open."""
        return [] if settings.METRICS_OPEN else list(super().get_permissions())

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Answer in the text format that the scraper prefers."""
        body, content_type = render(request.headers.get("Accept", ""))
        return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})


def serve_apart() -> None:
    """Serve /metrics on METRICS_PORT where it is set, from one of the server's processes at a time."""
    if settings.METRICS_PORT is not None:
        threading.Thread(target=_serve, args=(settings.METRICS_PORT,), name="metrics", daemon=True).start()


def _serve(port: int) -> None:
    if folder := shared_folder():
        # Held until this process ends, and then taken by the next one, which has been waiting here.
        lock = (folder / "port").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        health.serve(settings.HEALTH_HOST, port, metrics=render)
    except OSError as error:
        logger.error("There are no metrics on %s:%d: %s", settings.HEALTH_HOST, port, error)
        return
    if folder:
        threading.Event().wait()


urlpatterns = [path("metrics", MetricsView.as_view())]

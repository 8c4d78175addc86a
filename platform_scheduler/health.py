"""Whether this web process lives, and whether it can do its work; open to everybody."""

import logging

import psycopg
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from platform_scheduler import replica
from platform_scheduler.problems import RETRY_AFTER_SECONDS

logger = logging.getLogger(__name__)


class _Migrated:
    """Remembers that the migrations are applied: looking takes 50 ms, and applied ones stay applied."""

    known = False


@csrf_exempt
@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponseBase:
    """Answer 200 while the process answers at all; no dependency is asked, or its outage would restart us."""
    return JsonResponse({"status": "up", "version": settings.VERSION})


@csrf_exempt
@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponseBase:
    """Answer 200 when PostgreSQL answers and its tables are those of this version, else 503 with the reason."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        migrated = _is_migrated()
    except (Error, psycopg.Error) as error:
        logger.warning("Not ready: the database does not answer: %s", error)
        return _not_ready(database="down", migrations="unknown")
    if not migrated:
        return _not_ready(database="up", migrations="missing")
    checks = {"database": "up", "migrations": "applied", **_replica()}
    return JsonResponse({"status": "up", "version": settings.VERSION, "checks": checks})


def _replica() -> dict[str, object]:
    """Return how the copy stands where reads go to one; without it they go to the primary, so it is no reason."""
    if not replica.is_configured():
        return {}
    lag = replica.lag_seconds()
    return {"replica": "down" if lag is None else "up", "replicaLagSeconds": lag}


def _is_migrated() -> bool:
    if not _Migrated.known:
        executor = MigrationExecutor(connection)
        _Migrated.known = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _Migrated.known


def _not_ready(**checks: str) -> HttpResponseBase:
    return JsonResponse(
        {"status": "down", "version": settings.VERSION, "checks": checks},
        status=503,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


urlpatterns = [path("health/live", live), path("health/ready", ready)]

"""Asks every documented read of a seeded database, in this process, and writes how long each took as JSON.

Run by the case `query` under the settings of the query profile: what is measured is Django, the view and PostgreSQL,
without a network.
"""

import gc
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client

WARM_UP = 2


def main(rounds: int, file: Path) -> None:
    """Ask each question so many times and write {name: [ms, …]} to a file."""
    django.setup()
    from register.access import create_token
    from scheduler import clock

    _, secret = create_token("bench", role="viewer", namespace=None, now=clock.now())
    _, bound = create_token("bench bound", role="viewer", namespace="team-07", now=clock.now())
    callers = {
        name: Client(headers={"Authorization": f"Bearer {key}"}, SERVER_NAME="localhost")
        for name, key in (("", secret), ("bound", bound))
    }
    timings = {
        name: [_asked(callers[caller], path) for _ in range(WARM_UP + rounds)][WARM_UP:]
        for name, caller, path in _questions(_known(clock.now()))
    }
    file.write_text(json.dumps(timings), encoding="utf-8")


def _asked(caller: Client, path: str) -> float:
    """Return the milliseconds from request to answer; what is kept for a while is worked out anew."""
    from query import forecast, overview, timeline
    from scheduler import clock

    forecast.kept.clear()
    overview.kept.clear()
    timeline.kept.clear()
    began = clock.monotonic()
    answer = caller.get(f"/api/v1/{path}")
    took = (clock.monotonic() - began) * 1000
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:500]!r}")
    return took


def _known(now: datetime) -> dict[str, Any]:
    """Return ids to ask about: a task that has run most, one that has run seldom, an execution, instants."""
    with connection.cursor() as cursor:
        cursor.execute(_BUSIEST)
        (busy,) = cursor.fetchone()
        cursor.execute(_LATEST)
        seen, quiet = cursor.fetchone()
        cursor.execute("SELECT max(scheduled_for) FROM task_execution_history WHERE task_id = %s", [busy])
        (slot,) = cursor.fetchone()
    return {"busy": busy, "quiet": quiet, "seen": seen, "now": now, "slot": slot}


_BUSIEST = """
SELECT task_id FROM scheduler_task_rollups
WHERE hour >= (SELECT max(hour) - interval '1 day' FROM scheduler_task_rollups)
GROUP BY task_id ORDER BY sum(success) DESC, task_id LIMIT 1
"""

_LATEST = """
(SELECT id, task_id FROM task_execution_history WHERE status = 'FAILED' ORDER BY id DESC LIMIT 1)
UNION ALL (SELECT id, task_id FROM task_execution_history ORDER BY id DESC LIMIT 1) LIMIT 1
"""

_TASK_FILTERS: Mapping[str, Mapping[str, str]] = {
    "all": {},
    "status": {"status": "PAUSED"},
    "priority": {"priority": "CRITICAL"},
    "namespace": {"namespace": "team-07"},
    "task class": {"taskClass": "com.example.tasks.Task150"},
    "no such task class": {"taskClass": "com.example.tasks.Nothing"},
    "queue": {"queue": "rare"},
    "label": {"label": "team:t7"},
    "no such label": {"label": "team:none"},
    "search": {"search": "ledger aud"},
    "search for few": {"search": "0001234"},
    "search for nothing": {"search": "zzzz"},
    "late": {"late": "true"},
    "not late": {"late": "false"},
    "sort by name": {"sort": "name"},
    "sort by next": {"sort": "nextExecutionTime"},
    "sort by last": {"sort": "-lastExecutedAt"},
    "rare class, label, search": {
        "taskClass": "com.example.tasks.Task150", "label": "team:t7", "search": "audit", "sort": "-lastExecutedAt",
    },
    "page 50 of 200 each": {"page": "50", "size": "200"},
}  # fmt: skip

_EXECUTION_FILTERS: Mapping[str, Mapping[str, str | list[str]]] = {
    "all": {},
    "status": {"status": "FAILED"},
    "rare status": {"status": "LOST"},
    "namespace": {"namespace": "team-40"},
    "task class": {"taskClass": "com.example.tasks.Task150"},
    "queue": {"queue": "rare"},
    "trigger": {"trigger": "RETRY"},
    "no such trigger": {"trigger": "EVENT"},
    "node": {"nodeId": "worker-07"},
    "no such node": {"nodeId": "worker-none"},
    "no such run": {"runId": "00000000-0000-0000-0000-000000000001"},
    "label": {"label": "team:t7"},
    "status, class, label": {"status": "TIMED_OUT", "taskClass": "com.example.tasks.Task050", "label": "team:t7"},
    "status since ever": {"status": "FAILED", "startDate": "1970-01-01"},
    "running since ever": {"status": "RUNNING", "startDate": "1970-01-01"},
    "rare status since ever": {"status": "LOST", "startDate": "1970-01-01"},
    "skipped": {"status": "SKIPPED"},
    "skipped, queue, node": {"status": "SKIPPED", "queue": "ml", "nodeId": "worker-07"},
    "failed of a namespace": {"status": "FAILED,TIMED_OUT,LOST", "namespace": "team-40"},
    "namespace and queue": {"namespace": "team-00", "queue": "rare"},
    "namespace and node": {"namespace": "team-00", "nodeId": "worker-07"},
    "namespace and label": {"namespace": "team-00", "label": "team:t7"},
    "namespace and class": {"namespace": "team-40", "taskClass": "com.example.tasks.Task027"},
    "queue and node": {"queue": "rare", "nodeId": "worker-07"},
    "large class": {"taskClass": "com.example.tasks.Task001"},
    "class and success": {"taskClass": "com.example.tasks.Task027", "status": "SUCCESS"},
    "two labels": {"label": ["team:t7", "env:test"]},
    "retries of a namespace and queue": {"trigger": "RETRY", "namespace": "team-00", "queue": "rare"},
    "class since ever": {"taskClass": "com.example.tasks.Task150", "startDate": "1970-01-01"},
    "label since ever": {"label": "team:t7", "startDate": "1970-01-01"},
    "no such node since ever": {"nodeId": "worker-none", "startDate": "1970-01-01"},
    "all but time since ever": {
        "namespace": "team-40",
        "queue": "ml",
        "nodeId": "worker-07",
        "startDate": "1970-01-01",
    },
    "page 500": {"page": "499"},
}


def _questions(known: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, caller and path of each question."""
    now: datetime = known["now"]
    for name, parameters in _TASK_FILTERS.items():
        yield f"tasks, {name}", "", f"tasks?{urlencode(parameters)}"
    yield "tasks, next before", "", f"tasks?{urlencode({'nextBefore': (now + timedelta(hours=1)).isoformat()})}"
    yield "tasks, bound token", "bound", "tasks"
    for name, several in _EXECUTION_FILTERS.items():
        yield f"executions, {name}", "", f"executions?{urlencode(several, doseq=True)}"
    yield "executions, bound token", "bound", "executions"
    days = {"startDate": (now - timedelta(days=25)).date(), "endDate": (now - timedelta(days=16)).date()}
    for name, parameters in (("", {}), (", namespace", {"namespace": "team-03"}), (", status", {"status": "FAILED"})):
        yield f"executions, ten days{name}", "", f"executions?{urlencode(days | parameters)}"
    busy, month = known["busy"], (now - timedelta(days=30)).date()
    for name, query in (("all", ""), ("status", "status=FAILED"), ("a month", f"startDate={month}")):
        yield f"history, {name}", "", f"tasks/{busy}/history?{query}"
    for window in ("24h", "7d", "30d"):
        yield f"metrics, {window}", "", f"tasks/{busy}/metrics?window={window}"
    yield "overview", "", "stats/overview"
    yield "overview, bound token", "bound", "stats/overview"
    for window in ("1h", "24h", "30d"):
        yield f"timeline, {window}", "", f"stats/timeline?window={window}"
    for by in ("namespace", "week", "task", "label"):
        yield f"sla, {by}", "", f"sla?by={by}"
    yield "sla, breaches", "", "sla/breaches"
    yield "task", "", f"tasks/{known['quiet']}"
    yield "forecast", "", "forecast?hours=168"
    yield "upcoming", "", f"tasks/{busy}/upcoming"
    yield "prediction", "", f"tasks/{busy}/prediction"
    yield "execution", "", f"executions/{known['seen']}"
    yield "explain an execution", "", f"executions/{known['seen']}/explain"
    yield "explain a slot", "", f"tasks/{busy}/explain?{urlencode({'at': known['slot'].isoformat()})}"


if __name__ == "__main__":
    # As the server does (platform_scheduler.wsgi): or the collector looks through all that Django has loaded, for 0.1 s
    # in the middle of an answer.
    get_wsgi_application()
    gc.freeze()
    main(int(sys.argv[1]), Path(sys.argv[2]))

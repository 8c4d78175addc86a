"""django-celery-beat's own scheduler on the same servers, doing what it would do in our place."""

import sys
from datetime import timedelta

from bench import tasks
from bench.arena import Arena
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.services import PROJECT

# It reads and sorts all its entries first: this is the time that it gets for a thousand.
LEAD_SECONDS = 5.0
LEAD_SECONDS_PER_1000 = 1.5
SECONDS_PER_1000 = 60

_INSTALL = """
WITH daily AS (
    INSERT INTO django_celery_beat_intervalschedule (every, period) VALUES (86400, 'seconds') RETURNING id
)
INSERT INTO django_celery_beat_periodictask (name, task, args, kwargs, headers, queue, one_off, enabled, description,
    total_run_count, date_changed, last_run_at, interval_id)
SELECT 'peer ' || n, 'workers.execute', '["' || md5('peer ' || n)::uuid || '"]', '{}', '{}', 'default', false, true,
    '', 0, %(last)s, %(last)s, daily.id
FROM generate_series(1, %(count)s) n, daily
"""


def beat_seconds(arena: Arena, *, count: int) -> float:
    """Return the seconds from the instant at which `count` PeriodicTasks are due until all messages are queued.

    No others are registered, which is kind to it. Raises MeasurementFailed.
    """
    instant = tasks.next_second(arena, ahead=LEAD_SECONDS + count / 1000 * LEAD_SECONDS_PER_1000)
    arena.connection.execute(_INSTALL, {"count": count, "last": instant - timedelta(days=1)})
    arena.say(f"burst: {count:,} PeriodicTasks with django-celery-beat's DatabaseScheduler, for minutes")
    with arena.peer(_beat()):
        seconds = arena.timeline.seconds_until(instant) + count / 1000 * SECONDS_PER_1000
        queued = arena.timeline.at(arena.queue.wait_for_depth(count, seconds=seconds))
    arena.queue.clear()
    arena.connection.execute("TRUNCATE django_celery_beat_periodictask, django_celery_beat_intervalschedule")
    return (queued - instant).total_seconds()


def _beat() -> Program:
    command = "celery -A platform_scheduler beat -S django_celery_beat.schedulers:DatabaseScheduler"
    return Program(
        name="peer",
        argv=(sys.executable, "-m", *command.split()),
        # As in its documentation; the log of a line a message would be part of what is measured.
        env={"DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.scheduler", "LOG_LEVEL": "WARNING"},
        cwd=PROJECT,
    )

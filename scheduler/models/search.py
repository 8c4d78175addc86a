"""What lists of tasks are searched and sorted by, beside the hot table. Only a trigger of the database writes it."""

import re
from typing import Any, Final

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from scheduler.models.task import Task

_MEANT_OTHERWISE: Final = re.compile(r"([\\%_])")
# Between words, and within one, wherever three letters or digits stand before and three behind.
_GAP: Final = re.compile(r"(?<=[^\W_]{3})[\W_]+(?=[^\W_]{3})")
_WITHIN: Final = re.compile(r"([^\W_]{3})(?=[^\W_]{3})")


class Holds(models.Lookup):
    """Names that have this part, in any case; PostgreSQL writes both in upper case, for Python makes SS of a ß.

    The index of trigrams reads a list for every three letters on end, and those of a word are as long as each other. So
    it is asked for a pattern that has some of them only (`loosened`), and what that finds is looked at for the part
    itself, by a function that no index answers and that PostgreSQL expects to be true.
    """

    lookup_name = "holds"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """Return the condition with its parameters."""
        name, parameters = self.process_lhs(compiler, connection)
        part = str(self.rhs)
        pattern = _MEANT_OTHERWISE.sub(r"\\\1", part)
        loose = loosened(pattern)
        if loose == pattern:
            return f"{name} LIKE upper(%s)", (*parameters, f"%{pattern}%")
        sql = f"({name} LIKE upper(%s) AND strpos({name}, upper(%s)) <> 0)"
        return sql, (*parameters, f"%{loose}%", *parameters, part)


def loosened(pattern: str) -> str:
    """Return a pattern of LIKE that whatever meets this one meets, and some more do.

    "ledger audit" becomes "led%ger%audit": nothing is said of what stands between the pieces.
    """
    return _WITHIN.sub(r"\1%", _GAP.sub("%", pattern))


class TaskSearch(models.Model):
    """Parts of a definition that a firing leaves alone.

    Every index of `scheduler_tasks` is written by every claim; those here only when somebody changes a task. Where the
    extension pg_trgm is at hand, `name` has an index of trigrams too.
    """

    task = models.OneToOneField(
        Task, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="search"
    )
    name = models.TextField(help_text="In upper case.")
    name.register_lookup(Holds)
    task_class = models.CharField(max_length=255)
    labels = models.JSONField()
    status = models.CharField(max_length=50)
    # NULL only until the migration that added them has filled them in.
    own_name = models.CharField(max_length=255, null=True, help_text="As it was given.")
    namespace = models.CharField(max_length=100, null=True)
    queue = models.CharField(max_length=100, null=True)
    priority = models.IntegerField(null=True)
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "scheduler_task_search"
        indexes = [
            models.Index(fields=["status", "task"], name="scheduler_search_by_status"),
            models.Index(fields=["own_name", "task"], name="scheduler_search_own_name"),
            models.Index(fields=["priority", "task"], name="scheduler_search_priority"),
            models.Index(fields=["updated_at", "task"], name="scheduler_search_updated"),
            models.Index(fields=["-created_at", "task"], name="scheduler_search_newest"),
            models.Index(fields=["namespace", "-created_at", "task"], name="scheduler_search_namespace"),
            models.Index(fields=["queue", "-created_at", "task"], name="scheduler_search_queue"),
            models.Index(fields=["task_class", "-created_at", "task"], name="scheduler_search_class_new"),
            GinIndex(OpClass("labels", name="jsonb_path_ops"), name="scheduler_search_labels"),
        ]

    def __str__(self) -> str:
        return self.name

"""Migrations only expand: processes of the version before go on while they run and after, and no hot table is blocked.

The SQL that each would run goes through squawk, a linter of PostgreSQL migrations: it refuses dropped and renamed
columns and tables, columns that the version before could not fill, changed types, indexes built without CONCURRENTLY,
constraints that scan under a lock. What a migration makes itself it may use as it likes.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from pytest_django.plugin import DjangoDbBlocker

SQUAWK = Path(sys.executable).with_name("squawk")
OLDEST_POSTGRESQL = "15"
# Taste, and what `migrate` sees to itself or needs not: no migration here waits for a lock while it holds another.
NO_DANGER = (
    "prefer-robust-stmts,prefer-text-field,prefer-bigint-over-int,prefer-bigint-over-smallint,"
    "require-lock-timeout,require-statement-timeout"
)
# Findings that are known and right, each with the reason.
BEFORE_THE_FIRST_RELEASE = "no version before it was ever in use"
ACCEPTED = {
    ("0003_calendars_and_operations", "adding-foreign-key-constraint"): BEFORE_THE_FIRST_RELEASE,
    ("0008_calendars_deleted", "ban-drop-constraint"): BEFORE_THE_FIRST_RELEASE,
    ("0008_calendars_deleted", "require-concurrent-index-creation"): BEFORE_THE_FIRST_RELEASE,
    ("0010_namespaces", "adding-field-with-default"): BEFORE_THE_FIRST_RELEASE,
    ("0025_flow", "ban-drop-not-null"): BEFORE_THE_FIRST_RELEASE,
    ("0025_flow", "require-concurrent-index-creation"): "permits are some hundred rows",
    ("0051_history_within_namespace", "require-concurrent-index-deletion"): "it waits 200 ms for its locks, and again",
    ("0045_catchups", "require-concurrent-index-creation"): "operations are some thousand rows, none of this kind yet",
}

BREAKING = {
    "ban-drop-column": "ALTER TABLE scheduler_tasks DROP COLUMN owner",
    "renaming-column": "ALTER TABLE scheduler_tasks RENAME COLUMN owner TO answerable",
    "renaming-table": "ALTER TABLE scheduler_nodes RENAME TO scheduler_processes",
    "ban-drop-table": "DROP TABLE scheduler_nodes",
    "changing-column-type": "ALTER TABLE scheduler_tasks ALTER COLUMN priority TYPE bigint",
    "adding-required-field": "ALTER TABLE scheduler_tasks ADD COLUMN team text NOT NULL",
    # What Django writes for a default that only Python knows.
    "ban-drop-default": (
        "ALTER TABLE scheduler_tasks ADD COLUMN team text DEFAULT '' NOT NULL;"
        " ALTER TABLE scheduler_tasks ALTER COLUMN team DROP DEFAULT"
    ),
    "adding-not-nullable-field": "ALTER TABLE scheduler_tasks ALTER COLUMN owner SET NOT NULL",
    "require-concurrent-index-creation": "CREATE INDEX of_owner ON scheduler_tasks (owner)",
    "require-concurrent-index-deletion": "DROP INDEX scheduler_tasks_claim",
    "constraint-missing-not-valid": "ALTER TABLE scheduler_tasks ADD CONSTRAINT positive CHECK (priority > 0)",
    "disallowed-unique-constraint": "ALTER TABLE scheduler_tasks ADD CONSTRAINT once UNIQUE (owner)",
}


def test_each_migration_only_expands(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        found = _lint(_migrations(), tmp_path)
    assert found - set(ACCEPTED) == set(), (
        "See docs/high-availability.md, Rolling upgrade: a `db_default`, AddIndexConcurrently, a later version."
    )


def test_nothing_is_accepted_that_is_not_found(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        named = {name for name, _ in ACCEPTED}
        found = _lint({name: of for name, of in _migrations().items() if name in named}, tmp_path)
    assert set(ACCEPTED) - found == set()


@pytest.mark.parametrize("rule", BREAKING)
def test_what_breaks_the_version_before_is_found(rule: str, tmp_path: Path) -> None:
    found = _lint({"0099_breaking": (f"{BREAKING[rule]};", True)}, tmp_path)
    assert ("0099_breaking", rule) in found


def test_what_is_made_in_the_same_migration_may_be_indexed(tmp_path: Path) -> None:
    statements = "CREATE TABLE fresh (id bigint PRIMARY KEY, owner text NOT NULL); CREATE INDEX one ON fresh (owner);"
    assert _lint({"0099_fresh": (statements, True)}, tmp_path) == set()


def _migrations() -> dict[str, tuple[str, bool]]:
    """Return the SQL of each migration of ours, and whether it runs in one transaction; no table is looked at."""
    loader = MigrationLoader(connection, replace_migrations=False)
    ours = {app.label for app in apps.get_app_configs() if (Path(app.path).parent / "manage.py").exists()}
    return {
        name: (_text(loader.collect_sql([(migration, False)])), migration.atomic)
        for (app, name), migration in loader.disk_migrations.items()
        if app in ours
    }


def _text(statements: list[str]) -> str:
    # An index ON ONLY the partitioned table is built over no row: those of the partitions are, CONCURRENTLY.
    return "\n".join(statement for statement in statements if " ON ONLY " not in statement)


def _lint(migrations: dict[str, tuple[str, bool]], folder: Path) -> set[tuple[str, str]]:
    """Return which migration breaks which rule."""
    found: set[tuple[str, str]] = set()
    for is_atomic in (True, False):
        files = [folder / f"{name}.sql" for name, (_, atomic) in migrations.items() if atomic is is_atomic]
        for file in files:
            file.write_text(migrations[file.stem][0])
        options = ["--assume-in-transaction"] if is_atomic else []
        command: list[str | Path] = [
            SQUAWK,
            "--reporter",
            "json",
            "--pg-version",
            OLDEST_POSTGRESQL,
            "--exclude",
            NO_DANGER,
        ]
        if files:
            done = subprocess.run([*command, *options, *files], capture_output=True, text=True, check=False)
            found |= {(Path(one["file"]).stem, one["rule_name"]) for one in json.loads(done.stdout)}
    return found

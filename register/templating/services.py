"""The verbs of templates: create, change, delete. Each is one transaction and never sees a request.

A caller who is bound to a `namespace` sees its templates and the shared ones, and writes its own only.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction

from register import journal, sharing
from register.errors import (
    TemplateInUse,
    TemplateNameTaken,
    TemplateNotFound,
)
from register.given import Given
from register.templating import parameters, selectors
from register.uniqueness import one_name
from register.versions import refuse_stale
from scheduler import claims, connections, revisions
from scheduler.engine.changes import same
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Template
from scheduler.models.choices import AuditVerb

CREATED_BY_LENGTH = 100

_NAME_ONCE = "scheduler_templates_name_once"
_VERSIONED = ("parameters", "definition")


def create_template(given: Given, *, actor: str, namespace: str | None, now: datetime) -> Template:
    """Store a new template and return it; without a namespace of its own it is the caller's, or shared by all.

    Raises InvalidInput, TemplateNameTaken, NamespaceForbidden.
    """
    values = {"namespace": namespace} | given.values
    sharing.refuse_foreign(values["namespace"], namespace=namespace)
    template = Template(**values, created_at=now, updated_at=now, created_by=actor[:CREATED_BY_LENGTH])
    refuse_faults(template, given)
    with one_name(_NAME_ONCE, taken=TemplateNameTaken):
        template.save(force_insert=True)
        revisions.keep_template(connections.current(), template.id)
        journal.note(AuditVerb.CREATE, template, after=_contents(template), now=now)
    return template


def change_template(
    template_id: UUID,
    given: Given,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
) -> Template:
    """Change the fields given and return the template; other parameters or another definition make a new version.

    The tasks that were made of it stay as they are until that version is applied to them. `versions` are those that
    If-Match accepts, None accepts any. Raises TemplateNotFound, NamespaceForbidden, VersionStale, InvalidInput.
    """
    with transaction.atomic():
        template = _locked(template_id, namespace=namespace, versions=versions)
        before = _contents(template)
        with_changes(template, given)
        if not same(_contents(template), before):
            _store(template, before, now=now)
    return template


def delete_template(
    template_id: UUID, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None
) -> None:
    """Mark a template deleted of which there is no task.

    Raises TemplateNotFound, NamespaceForbidden, VersionStale, TemplateInUse.
    """
    with transaction.atomic():
        template = _locked(template_id, namespace=namespace, versions=versions)
        if count := selectors.living(template).count():
            tasks = "1 task that was" if count == 1 else f"{count:,} tasks that were"
            raise TemplateInUse(f"There {'is' if count == 1 else 'are'} {tasks} made of this template.")
        template.deleted_at = now
        template.save(update_fields=["deleted_at"])
        journal.note(AuditVerb.DELETE, template, before=_contents(template), now=now)


def writable(template_id: UUID, *, namespace: str | None, versions: frozenset[int] | None) -> Template:
    """Return a template that the caller may change. Raises TemplateNotFound, NamespaceForbidden, VersionStale."""
    template: Template = selectors.find(template_id, namespace=namespace)
    sharing.refuse_foreign(template.namespace, namespace=namespace)
    refuse_stale(template.version, accepted=versions)
    return template


def with_changes(template: Template, given: Given) -> None:
    """Set what is given on a template that nobody stores yet. Raises InvalidInput."""
    fixed = list(_fixed(template, given))
    for column in ("description", *_VERSIONED):
        if column in given.values:
            setattr(template, column, given.values[column])
    refuse_faults(template, given, others=fixed)


def refuse_faults(template: Template, given: Given, *, others: Iterable[Fault] = ()) -> None:
    """Refuse a template that cannot be read, or whose definition names parameters amiss. Raises InvalidInput."""
    faults = [*given.faults, *others]
    if "parameters" in given.values:
        faults += parameters.schema_faults(template.parameters)
    if not faults:
        faults += islice(parameters.use_faults(template.parameters, template.definition), parameters.FAULTS_SHOWN)
    if faults:
        raise InvalidInput(faults)


def _store(template: Template, before: dict[str, Any], *, now: datetime) -> None:
    is_new_version = any(not same(before[name], getattr(template, name)) for name in _VERSIONED)
    template.version += is_new_version
    template.updated_at = now
    template.save(update_fields=["description", *_VERSIONED, "version", "updated_at"])
    if is_new_version:
        revisions.keep_template(connections.current(), template.id)
    journal.change(template, before, _contents(template), now=now)


def _contents(template: Template) -> dict[str, Any]:
    return {name: getattr(template, name) for name in ("description", *_VERSIONED)}


def _fixed(template: Template, given: Given) -> Iterator[Fault]:
    if given.values.get("name", template.name) != template.name:
        message = f"A template keeps its name ({template.name}): its tasks carry it. Create another one."
        yield Fault("name", "impossible", message, is_impossible=True)
    yield from sharing.moved(template, given, kind="template")


def _locked(template_id: UUID, *, namespace: str | None, versions: frozenset[int] | None) -> Template:
    writable(template_id, namespace=namespace, versions=None)
    if not claims.template_to_edit(connections.current(), template_id):
        raise TemplateNotFound
    return writable(template_id, namespace=namespace, versions=versions)

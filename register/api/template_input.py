"""The request bodies of templates: which fields there are, of which type and within which bounds."""

from typing import Any
from uuid import UUID

from register.api.documents import Document
from register.api.fields import Identifier, Key, Line, Text
from register.api.serializers import TaskInput
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from register.templating.instances import MOST_AT_ONCE, Wanted
from scheduler.engine.suggestions import strangers
from scheduler.errors import Fault, InvalidInput

NAME_MAX_LENGTH = 100
DESCRIPTION_MAX_LENGTH = 10_000

# Where its tasks live is not the template's to say, nor whether a class may be unknown.
_NOT_OF_TEMPLATES = frozenset({"namespace", "allowUnknownTaskClass"})
_NEEDED = ("name", "taskClass")

_BESIDE = "Beside instances there may be nothing: put this in each of them."


class TemplateInput(Strict):
    """A definition with parameters, and the schema of their values."""

    name = Line(max_length=NAME_MAX_LENGTH)
    namespace = Key(max_length=KEY_MAX_LENGTH, allow_null=True, required=False)
    description = Text(
        max_length=DESCRIPTION_MAX_LENGTH, allow_null=True, allow_blank=True, trim_whitespace=False, required=False
    )
    parameters = Document(help_text="JSON schema, 2020-12, of an object whose properties are the parameters.")
    definition = Document(help_text="Fields of a task; ${name} in any text stands for a parameter.")


class InstanceInput(Strict):
    """The values of the parameters for one task, and of a shared template the namespace."""

    parameters = Document(required=False)
    namespace = Key(max_length=KEY_MAX_LENGTH, required=False)


class InstancesInput(InstanceInput):
    """One task, or up to 100 under `instances`."""

    instances: Any = InstanceInput(many=True, required=False)


class ApplyInput(Strict):
    """Which tasks come next: those after the one that the answer before has named as `nextAfter`."""

    after = Identifier(required=False, allow_null=True)


def read_new_template(data: Any) -> Given:
    """Return a new template."""
    return _with_fields_known(TemplateInput().read(data))


def read_template_changes(data: Any) -> Given:
    """Return the fields to change; the others keep what they have."""
    return _with_fields_known(TemplateInput(partial=True).read(data))


def read_instances(data: Any) -> list[Wanted]:
    """Return the tasks that are to be made. Raises InvalidInput."""
    if not isinstance(data, dict) or "instances" not in data:
        return [_wanted(data, "")]
    many = data["instances"]
    if not isinstance(many, list) or not 0 < len(many) <= MOST_AT_ONCE:
        raise InvalidInput([Fault("instances", "invalid", f"This must be a list of 1 to {MOST_AT_ONCE} instances.")])
    wanted: list[Wanted] = []
    faults = [Fault(name[:100], "foreign", _BESIDE) for name in list(data)[:MOST_AT_ONCE] if name != "instances"]
    for number, one in enumerate(many):
        try:
            wanted.append(_wanted(one, f"instances[{number}]"))
        except InvalidInput as refusal:
            faults += refusal.faults
    if faults:
        raise InvalidInput(faults)
    return wanted


def read_apply(data: Any) -> UUID | None:
    """Return after which task to go on, None from the first on. Raises InvalidInput."""
    given = ApplyInput().read(data)
    if given.faults:
        raise InvalidInput(given.faults)
    after: UUID | None = given.values.get("after")
    return after


def _wanted(data: Any, place: str) -> Wanted:
    given = InstanceInput().read(data)
    if given.faults:
        prefix = f"{place}." if place else ""
        raise InvalidInput(
            [Fault(f"{prefix}{fault.field}".rstrip("."), fault.code, fault.message) for fault in given.faults]
        )
    return Wanted(given.values.get("parameters", {}), given.values.get("namespace"), place)


def _with_fields_known(given: Given) -> Given:
    definition = given.values.get("definition")
    if definition is None:
        return given
    known = [name for name in map(str, TaskInput().fields) if name not in _NOT_OF_TEMPLATES]
    unknown = [
        Fault(f"definition.{name[:100]}", "unknown", f"A template has no such field.{hint}")
        for name, hint in strangers(definition, known)
    ]
    missing = [
        Fault(f"definition.{name}", "required", "This field is required.") for name in _NEEDED if name not in definition
    ]
    faults = (*given.faults, *unknown, *missing)
    return Given(given.values, faults, given.faulty)

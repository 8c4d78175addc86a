"""The forms of templates: the definition with its parameters, and the values for one task."""

import json
from typing import Any

from django import forms
from django.utils.functional import cached_property

from register.admin.json_fields import DocumentField, JsonField
from register.admin.service_form import ServiceForm
from register.api.template_input import read_instances, read_new_template, read_template_changes
from register.templating import instances, services
from register.templating.instances import Plan
from scheduler import clock
from scheduler.models import Template


class TemplateForm(ServiceForm):
    """A definition with parameters, and the schema of their values."""

    # With it nothing is stored: `plan` says what would become of the tasks.
    is_plan = False

    namespace = forms.CharField(
        max_length=100, required=False, help_text="The one namespace that may use it; empty is shared by all."
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 2}))
    parameters = DocumentField(
        rows=8, initial={"type": "object", "required": [], "properties": {}},
        help_text='JSON schema of the values: {"type": "object", "required": ["feed"], "properties": {"feed": '
        '{"type": "string"}, "hour": {"type": "integer", "default": 3}}}',
    )  # fmt: skip
    definition = DocumentField(
        rows=10, initial={"name": "", "taskClass": ""},
        help_text='Fields of a task; ${name} stands for a parameter: {"name": "Import ${feed}", "taskClass": '
        '"platform.http", "cronExpression": "0 0 ${hour} * * ?"}',
    )  # fmt: skip

    class Meta:
        model = Template
        fields = ("name", "namespace", "description", "parameters", "definition")

    plan: Plan | None = None

    @property
    def template(self) -> Template:
        """The template that is changed."""
        template: Template = self.instance
        return template

    def stored(self) -> Template:
        """Create or change it; or tell what the change would do."""
        now = clock.now()
        if self.is_new:
            given = read_new_template(self.typed())
            return services.create_template(given, actor=self.actor, namespace=self.scope, now=now)
        given = read_template_changes(self.typed())
        if self.is_plan:
            self.plan = instances.plan_change(
                self.instance.id, given, namespace=self.scope, versions=self.versions, now=now
            )
            return self.template
        return services.change_template(self.instance.id, given, namespace=self.scope, versions=self.versions, now=now)


class ValuesForm(forms.Form):
    """A field for each parameter of a template, as its schema has it."""

    def __init__(self, template: Template, data: Any = None, *, is_bound_to: str | None = None) -> None:
        super().__init__(data)
        self._template = template
        for name, rule in self._properties.items():
            self.fields[f"parameter.{name}"] = _field(name, rule, is_required=name in self._required)
        if template.namespace is None and is_bound_to is None:
            text = "Where the task is made; empty is default."
            self.fields["namespace"] = forms.CharField(required=False, max_length=100, help_text=text)

    @cached_property
    def _properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self._template.parameters.get("properties", {})
        return properties

    @property
    def _required(self) -> list[str]:
        required: list[str] = self._template.parameters.get("required", [])
        return required

    def values(self) -> dict[str, Any]:
        """Return the values that were typed; what was left empty has its default."""
        typed = ((name, self.cleaned_data.get(f"parameter.{name}")) for name in self._properties)
        return {name: value for name, value in typed if value not in (None, "")}

    def wanted(self) -> instances.Wanted:
        """Return the task that is asked for. Raises InvalidInput."""
        namespace = self.cleaned_data.get("namespace")
        (wanted,) = read_instances({"parameters": self.values()} | ({"namespace": namespace} if namespace else {}))
        return wanted

    def refuse(self, field: str, message: str) -> None:
        """Show a fault beside the field where it was typed."""
        name = field.replace("parameters.", "parameter.", 1)
        self.add_error(name if name in self.fields else None, message if name in self.fields else f"{field}: {message}")


def _field(name: str, rule: Any, *, is_required: bool) -> forms.Field:
    rule = rule if isinstance(rule, dict) else {}
    default = rule.get("default")
    about: dict[str, Any] = {
        "label": str(rule.get("title") or name)[:100],
        "required": is_required and default is None,
        "help_text": str(rule.get("description", ""))[:500],
    }
    kind, words = rule.get("type"), rule.get("enum")
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        choices = [("", "") if not about["required"] else ("", "choose"), *((word, word) for word in words)]
        return forms.ChoiceField(choices=choices, initial=default, **about)
    if kind == "integer":
        return forms.IntegerField(initial=default, **about)
    if kind == "number":
        return forms.FloatField(initial=default, **about)
    if kind == "boolean":
        return forms.TypedChoiceField(
            choices=[("", ""), ("true", "yes"), ("false", "no")], coerce=lambda text: text == "true",
            empty_value=None, initial={True: "true", False: "false"}.get(default), **about,
        )  # fmt: skip
    if kind == "string":
        return forms.CharField(initial=default, **about)
    return JsonField(initial=None if default is None else json.dumps(default), **about)

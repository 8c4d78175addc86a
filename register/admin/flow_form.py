"""The form of flow control: it goes through the service, and what that refuses stands beside its field."""

from typing import TYPE_CHECKING, Any

from django import forms

from register.admin.json_fields import DocumentField
from register.api.flow_input import REASON_MAX_LENGTH, read_flow_control
from register.flow_control import change_flow
from register.operators import said
from scheduler import clock
from scheduler.engine.flow import FlowMode
from scheduler.errors import InvalidInput, SchedulerError
from scheduler.models import FlowControl
from scheduler.models.choices import choices
from scheduler.representations import instant

_COLUMNS = {
    "mode": "mode",
    "maxDispatchPerSecond": "max_dispatch_per_second",
    "maxConcurrency": "max_concurrency",
    "queues": "queues",
    "taskClasses": "task_classes",
    "namespaces": "namespaces",
    "reason": "reason",
    "startsAt": "starts_at",
    "expiresAt": "expires_at",
}
_KEYS = ("queues", "task_classes", "namespaces")
_BY_NAME = 'Limits by name: {"reports": {"mode": "THROTTLED", "maxDispatchPerSecond": 5, "maxConcurrency": 20}}'

if TYPE_CHECKING:
    Base = forms.ModelForm[FlowControl]
else:  # generic for the type checker only
    Base = forms.ModelForm


def _by_name(help_text: str = _BY_NAME) -> DocumentField:
    return DocumentField(required=False, help_text=help_text, rows=3)


class FlowForm(Base):
    """Writes by the service: `_post_clean`, where a model's form would check the model, is where it is called."""

    actor = ""
    scope: str | None = None

    mode = forms.ChoiceField(
        choices=choices(FlowMode), help_text="Paused stops everything, throttled limits it, normal limits nothing."
    )
    confirmed = forms.BooleanField(
        required=False,
        label="Yes, stop everything",
        help_text="Needed for paused. No schedule fires and no request runs until it is lifted; what runs goes on.",
    )
    max_dispatch_per_second = forms.FloatField(
        required=False, label="Dispatched a second", help_text="Of everything together; empty is any number."
    )
    max_concurrency = forms.IntegerField(
        required=False, label="At once", help_text="Of everything together; empty is any number."
    )
    queues = _by_name()
    task_classes = _by_name("The same by task class.")
    namespaces = _by_name("The same by namespace.")
    reason = forms.CharField(
        max_length=REASON_MAX_LENGTH, required=False, help_text="Shown to everybody whom it holds up."
    )
    starts_at = forms.DateTimeField(required=False, help_text="UTC; empty is now. A later one is planned.")
    expires_at = forms.DateTimeField(
        required=False, help_text="UTC; empty is until another one. Then what was before is in force again."
    )

    class Meta:
        model = FlowControl
        fields = ("reason",)

    def save(self, commit: bool = True) -> FlowControl:
        """Return what was asked for, which is stored."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: there is nothing more to store."""

    def clean(self) -> dict[str, Any]:
        """Ask once more before everything stops."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("mode") == FlowMode.PAUSED and not values.get("confirmed"):
            self.add_error("confirmed", "Tick this to stop everything.")
        return values

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            standing = change_flow(
                read_flow_control(self._body()), actor=self.actor, bound_to=self.scope, now=clock.now()
            )
        except InvalidInput as refusal:
            for fault in refusal.faults:
                name, _, rest = fault.field.partition(".")
                column = _COLUMNS.get(name)
                self.add_error(column, f"{rest}: {fault.message}" if rest else fault.message)
        except SchedulerError as refusal:
            self.add_error(None, said(refusal))
        else:
            self.instance = max(
                (one for one in (standing.current, *standing.planned) if one is not None), key=lambda one: one.id
            )

    def _body(self) -> dict[str, Any]:
        values = {name: self.cleaned_data[column] for name, column in _COLUMNS.items()}
        empty = {name: values[name] or {} for name in ("queues", "taskClasses", "namespaces")}
        times = {name: instant(values[name]) for name in ("startsAt", "expiresAt")}
        return values | empty | times | {"reason": values["reason"] or None}

"""The form of a new token: it goes through the service, and what that refuses stands beside its field."""

from typing import TYPE_CHECKING

from django import forms

from register.access import LONGEST_DAYS, NAME_MAX_LENGTH, issue_token
from register.api.token_input import read_new_token
from register.names import KEY_MAX_LENGTH
from register.operators import said
from scheduler import clock
from scheduler.errors import InvalidInput, SchedulerError
from scheduler.models import ApiToken
from scheduler.models.choices import Role, choices

_FIELDS = {"expiresInDays": "expires_in_days"}

if TYPE_CHECKING:
    Base = forms.ModelForm[ApiToken]
else:  # generic for the type checker only
    Base = forms.ModelForm


class TokenForm(Base):
    """Writes by the service: `_post_clean`, where a model's form would check the model, is where it is called."""

    actor = ""
    scope: str | None = None
    secret = ""

    name = forms.CharField(max_length=NAME_MAX_LENGTH, help_text="Who or what uses it; shown as a task's createdBy.")
    role = forms.ChoiceField(choices=choices(Role), help_text="Each role may do what those before it may.")
    namespace = forms.CharField(
        max_length=KEY_MAX_LENGTH, required=False, help_text="The only namespace that it sees; empty is every one."
    )
    expires_in_days = forms.IntegerField(
        min_value=1, max_value=LONGEST_DAYS, required=False, help_text="Days until it expires; empty is never."
    )

    class Meta:
        model = ApiToken
        fields = ("name", "role", "namespace")

    def save(self, commit: bool = True) -> ApiToken:
        """Return the token, which is stored."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: there is nothing more to store."""

    def _post_clean(self) -> None:
        if self.errors:
            return
        values = {
            "name": self.cleaned_data["name"],
            "role": self.cleaned_data["role"],
            "namespace": self.cleaned_data["namespace"] or None,
            "expiresInDays": self.cleaned_data["expires_in_days"],
        }
        try:
            given = read_new_token(values)
            self.instance, self.secret = issue_token(given, actor=self.actor, namespace=self.scope, now=clock.now())
        except InvalidInput as refusal:
            for fault in refusal.faults:
                self.add_error(_FIELDS.get(fault.field, fault.field), fault.message)
        except SchedulerError as refusal:
            self.add_error(None, said(refusal))

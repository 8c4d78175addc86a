"""Forms that write by services, and the pages around them: what is refused stands beside its field."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from register.errors import Taken, VersionStale
from register.operators import actor_of, said
from scheduler.errors import Fault, InvalidInput, SchedulerError
from scheduler.paging import PagedAdmin
from scheduler.seats import scope_of

if TYPE_CHECKING:
    Base = forms.ModelForm[Any]
else:  # generic for the type checker only
    Base = forms.ModelForm


_NAME: Final = re.compile(r"[.\[]")


def parted(path: str) -> tuple[str, str]:
    """Return the field that a fault's path begins with, and the place below it: `rules`, `holidays[0].country`."""
    name = _NAME.split(path, 1)[0]
    return name, path[len(name) :].removeprefix(".")


class ServiceForm(Base):
    """Writes by a service: `_post_clean`, where a model's form would check the model, is where it is called."""

    actor = ""
    scope: str | None = None
    # Fields of the API that have another name here.
    renamed: ClassVar[Mapping[str, str]] = {}

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding  # noqa: SLF001 - Django documents it as public
        self.initial.setdefault("seen_version", getattr(self.instance, "version", None))

    @property
    def versions(self) -> frozenset[int] | None:
        """What may be changed: the version that was shown, or any where none was."""
        version = self.cleaned_data.get("seen_version")
        return None if version is None else frozenset({version})

    def stored(self) -> Any:
        """Store what was typed by the service, and return it."""
        raise NotImplementedError

    def typed(self) -> dict[str, Any]:
        """Return what was typed, under the names of the API; what was left empty is None."""
        names = {own: name for name, own in self.renamed.items()}
        values = {name: value for name, value in self.cleaned_data.items() if name != "seen_version"}
        return {names.get(name, name): None if value == "" else value for name, value in values.items()}

    def save(self, commit: bool = True) -> Any:
        """Return what is stored."""
        return self.instance

    def save_m2m(self) -> None:
        """Do nothing: there is nothing more to store."""

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            self.instance = self.stored()
        except InvalidInput as refusal:
            for fault in refusal.faults:
                self._refuse(fault)
        except Taken as refusal:
            self._refuse(Fault("name", "taken", said(refusal)))
        except VersionStale:
            self.add_error(None, "Somebody else has changed this since: open it again, then change it.")
        except SchedulerError as refusal:
            self.add_error(None, said(refusal))

    def _refuse(self, fault: Fault) -> None:
        name, below = parted(fault.field)
        name = self.renamed.get(name, name)
        self.add_error(name if name in self.fields else None, f"{below}: {fault.message}" if below else fault.message)


class ServiceAdmin(PagedAdmin):
    """A page whose form knows who acts and has stored what it holds; deleting goes by a service, too."""

    actions: Any = None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form; it knows who acts, and of which namespace."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.actor, form.scope = actor_of(request), scope_of(request)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the form has stored it."""

    def get_actions(self, request: HttpRequest) -> Any:
        """Return the page's own actions: Django's deletion of many would go past the services and the audit."""
        return {name: one for name, one in super().get_actions(request).items() if name != "delete_selected"}

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete by the service."""
        self.remove(request, obj)

    def remove(self, request: HttpRequest, obj: Any) -> None:
        """Delete a row by its service. Raises what the service raises."""
        raise NotImplementedError

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask, then delete; what the service refuses is said."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except SchedulerError as refusal:
            self.message_user(request, f"It was not deleted: {said(refusal)}", messages.ERROR)
            return redirect(f"admin:scheduler_{self.opts.model_name}_changelist")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what a deletion meets: the service says what stands against it."""
        return [str(one) for one in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

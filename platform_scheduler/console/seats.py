"""What a seat in the console permits: of each page, what the API asks of a token for the same."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.backends import BaseBackend

from platform_scheduler.authentication import LADDER
from scheduler.models.choices import Role
from scheduler.seats import seat_of

_ALL: Final = ("view", "add", "change", "delete")
# What is seen by whoever sees anything.
_SEEN: Final = (
    "task", "execution", "calendar", "template", "namespace", "handler", "operation", "breach", "node", "flowcontrol",
    "event", "channel", "circuit",
)  # fmt: skip

# By permission, the least role.
LEAST: Final[Mapping[str, Role]] = {
    **{f"scheduler.view_{model}": Role.VIEWER for model in _SEEN},
    **dict.fromkeys(
        (
            "scheduler.operate_task", "scheduler.change_execution", "scheduler.change_operation",
            "scheduler.add_event", "scheduler.add_flowcontrol", "scheduler.change_flowcontrol",
            "scheduler.change_circuit",
        ),
        Role.OPERATOR,
    ),
    **{
        f"scheduler.{verb}_{model}": Role.EDITOR
        for model in ("task", "calendar", "template")
        for verb in ("add", "change", "delete")
    },
    **{f"scheduler.{verb}_{model}": Role.EDITOR for model in ("webhook", "delivery") for verb in _ALL},
    "scheduler.view_auditrecord": Role.ADMIN,
    "scheduler.view_slotfault": Role.ADMIN,
    **{f"scheduler.{verb}_apitoken": Role.ADMIN for verb in ("view", "add", "change")},
    **{f"scheduler.{verb}_namespace": Role.ADMIN for verb in ("add", "change", "delete")},
    **{
        f"django_celery_beat.{verb}_{model}": Role.ADMIN
        for model in ("periodictask", "intervalschedule")
        for verb in ("view", "change")
    },
    **{f"auth.{verb}_{model}": Role.ADMIN for model in ("user", "group") for verb in _ALL},
    **{f"scheduler.{verb}_seat": Role.ADMIN for verb in _ALL},
}  # fmt: skip

# Of all namespaces at once, so not of who is bound to one of them.
UNBOUND: Final = frozenset(
    name
    for name in LEAST
    if name.partition(".")[0] in ("auth", "django_celery_beat")
    or name.endswith(
        ("_seat", "add_namespace", "delete_namespace", "add_flowcontrol", "change_flowcontrol", "change_circuit")
    )
)


class SeatBackend(BaseBackend):
    """Gives users with a seat the permissions of its role, beside those that Django's own backend gives them."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return what the user's seat permits."""
        if not user_obj.is_active or obj is not None:
            return set()
        seat = seat_of(user_obj)
        if seat is None or seat.role not in LADDER:
            return set()
        rank = LADDER.index(seat.role)
        mine = {name for name, least in LEAST.items() if LADDER.index(least) <= rank}
        return mine - UNBOUND if seat.namespace else mine

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Tell whether the seat permits anything of an app."""
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))

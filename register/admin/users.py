"""Who may use the console: Django's own pages of users and groups, whose changes are audited."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from scheduler.consoles import AuditedAdmin
from scheduler.models import Seat

if TYPE_CHECKING:
    SeatBase = admin.StackedInline[Seat, User]
else:  # generic for the type checker only
    SeatBase = admin.StackedInline

admin.site.unregister([User, Group])


class SeatInline(SeatBase):
    """What a user may do in the console, as a token's role says of the API."""

    model = Seat
    can_delete = True
    verbose_name_plural = "Seat: role and namespace, as of a token"


@admin.register(User)
class AuditedUserAdmin(AuditedAdmin, UserAdmin):
    """Users; a password's change is told, the password is not."""

    inlines = (SeatInline,)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the seat, once there is somebody to sit on it."""
        return self.inlines if obj is not None else ()


@admin.register(Group)
class AuditedGroupAdmin(AuditedAdmin, GroupAdmin):
    """Groups and their permissions."""

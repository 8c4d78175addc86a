"""Who may do what: API tokens, stored hashed (`register.access` writes them), and seats in the console."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from scheduler.models.choices import Role


class ApiToken(models.Model):
    name = models.CharField(max_length=255)
    secret_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the 256-bit random secret.")
    role = models.CharField(max_length=20, choices=Role)
    namespace = models.CharField(max_length=100, null=True, blank=True, help_text="NULL is every namespace.")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_write_at = models.DateTimeField(
        null=True, blank=True, help_text="Its reads go to the primary for a while from here."
    )

    class Meta:
        db_table = "scheduler_tokens"
        verbose_name = "token"

    def __str__(self) -> str:
        return self.name


class Seat(models.Model):
    """What somebody who is logged in to the console may do: a role, and the one namespace that he sees, if one.

    Users without a seat have what Django's own permissions give them, in every namespace.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE)
    role = models.CharField(
        max_length=20, choices=Role, help_text="Each role may do what those before it may; what, the API says."
    )
    namespace = models.CharField(
        max_length=100, null=True, blank=True, help_text="The only namespace that is seen; empty is every one."
    )

    class Meta:
        db_table = "scheduler_seats"

    def __str__(self) -> str:
        return f"{self.role} of {self.namespace or 'every namespace'}"

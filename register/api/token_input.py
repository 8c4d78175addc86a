"""The request body of tokens: which fields there are, of which type and within which bounds."""

from typing import Any

from register.access import LONGEST_DAYS, NAME_MAX_LENGTH
from register.api.fields import Instant, Key, Line, Whole, Word
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.models.choices import Role


class PrintableLine(Line):
    """A text of one line of which every character can be seen."""

    default_error_messages = {"invisible": "This may hold printable characters only."}

    def to_internal_value(self, data: Any) -> str:
        line = super().to_internal_value(data)
        if not line.isprintable():
            self.fail("invisible")
        return line


class TokenInput(Strict):
    """A token; without a namespace it is of the caller's own or, of a token of every namespace, of every one."""

    name = PrintableLine(max_length=NAME_MAX_LENGTH)
    role = Word(Role.values)
    namespace = Key(max_length=KEY_MAX_LENGTH, allow_null=True, required=False)
    expiresInDays = Whole(
        source="expires_in_days", min_value=1, max_value=LONGEST_DAYS, allow_null=True, required=False
    )
    expiresAt = Instant(source="expires_at", allow_null=True, required=False)


def read_new_token(data: Any) -> Given:
    """Return a new token."""
    return TokenInput().read(data)

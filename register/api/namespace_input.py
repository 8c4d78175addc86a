"""The request bodies of namespaces: which fields there are, of which type and within which bounds."""

from typing import Any, ClassVar

from register.api.fields import Items, Key, Line, Text, Whole
from register.api.notify_input import ChannelInput
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.engine.placeholders import SECRET_NAME

DESCRIPTION_MAX_LENGTH = 10_000
MOST_SECRETS = 200
HEAVIEST = 100
# Retries reach back eight days; no installation keeps more than sixty.
LEAST_DAYS = 10
MOST_DAYS = 60


class SecretName(Line):
    """The name of a secret, as workers have it for a file or a variable."""

    stated: ClassVar = {"pattern": rf"^\s*{SECRET_NAME.pattern}\s*$"}

    default_error_messages = {
        "characters": "A secret's name has 1 to 100 letters A to Z, digits, dots, hyphens and underscores, and begins "
        "with a letter, a digit or an underscore.",
    }

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if not SECRET_NAME.fullmatch(name):
            self.fail("characters")
        return name


class SecretNames(Items):
    """Names of secrets; naming one twice says no more than naming it once."""

    child = SecretName()

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class NamespaceInput(Strict):
    """The settings of a namespace; what is left out has its default."""

    name = Key(max_length=KEY_MAX_LENGTH)
    weight = Whole(min_value=1, max_value=HEAVIEST, required=False)
    description = Text(
        max_length=DESCRIPTION_MAX_LENGTH, allow_null=True, allow_blank=True, trim_whitespace=False, required=False
    )
    secretNames = SecretNames(source="secret_names", max_length=MOST_SECRETS, required=False)
    notifyChannel = ChannelInput(source="notify_channel", allow_null=True, required=False)
    retentionDays = Whole(
        source="retention_days", min_value=LEAST_DAYS, max_value=MOST_DAYS, allow_null=True, required=False
    )


def read_new_namespace(data: Any) -> Given:
    """Return the settings of a namespace that has none."""
    return NamespaceInput().read(data)


def read_namespace_changes(data: Any) -> Given:
    """Return the fields to change; the others keep what they have."""
    return NamespaceInput(partial=True).read(data)

"""Whom people are notified by: `notifyOn` of a task, `notifyChannel` of a namespace."""

from typing import Any

from rest_framework.exceptions import ErrorDetail, ValidationError

from register.api.address_fields import ChatAddress, MailAddress
from register.api.fields import Identifier, Items, Word
from register.api.strict import Strict
from scheduler.engine.notifications import Kind, Occasion

MOST_ADDRESSES = 20
# There are fewer, and each may stand there more than once.
MOST_OCCASIONS = 20


class Occasions(Items):
    """What people are notified of; naming one twice says no more than naming it once."""

    child = Word([occasion.value for occasion in Occasion])

    def to_internal_value(self, data: Any) -> list[Any]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class ChannelInput(Strict):
    """By which people are notified: EMAIL `to` addresses, CHAT at a `url`, or a WEBHOOK of the platform by its id."""

    kind = Word([kind.value for kind in Kind], required=False)
    to = Items(child=MailAddress(), min_length=1, max_length=MOST_ADDRESSES, required=False)
    url = ChatAddress(required=False)
    webhookId = Identifier(required=False)

    default_error_messages = {
        "required": "Say which kind it is: EMAIL, CHAT or WEBHOOK.",
        "lacks": "A channel of the kind {kind} needs this.",
        "foreign": "A channel of the kind {kind} does not take this.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if "kind" not in values:
            raise ValidationError({"kind": [self._refusal("required")]})
        kind, own = values["kind"], _OF_KIND[values["kind"]]
        faults = {name: [self._refusal("foreign", kind=kind)] for name in values if name not in ("kind", own)}
        if own not in values:
            faults[own] = [self._refusal("lacks", kind=kind)]
        if faults:
            raise ValidationError(faults)
        return {"kind": kind, own: str(values[own]) if own == "webhookId" else values[own]}

    def _refusal(self, code: str, **words: str) -> ErrorDetail:
        return ErrorDetail(str(self.error_messages[code]).format(**words), code=code)


_OF_KIND = {"EMAIL": "to", "CHAT": "url", "WEBHOOK": "webhookId"}


class NotifyInput(Strict):
    """What people are notified of, and by which channel; without one by that of the namespace."""

    outcomes = Occasions(min_length=1, max_length=MOST_OCCASIONS, required=False)
    channel = ChannelInput(allow_null=True, required=False)

    default_error_messages = {"required": f"Say of what: {', '.join(Occasion)}."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if "outcomes" not in values:
            raise ValidationError({"outcomes": [ErrorDetail(str(self.error_messages["required"]), code="required")]})
        return {"outcomes": values["outcomes"], "channel": values.get("channel")}


class Notifications(Items):
    """Who is notified of what."""

    child = NotifyInput()

"""Fields that hold addresses: of web services, of chats, of people."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from drf_spectacular.utils import extend_schema_field

from register.api.fields import Line
from scheduler.engine import urls
from scheduler.engine.placeholders import names_secret

URL_MAX_LENGTH = 2_048


class WebAddress(Line):
    """A URL of a web service; whether its address may be connected to, the worker decides that sends."""

    stated: ClassVar = {"format": "uri"}

    default_error_messages = {"url": "{refusal}"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": URL_MAX_LENGTH} | kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return urls.read_url(text).text
        except urls.InvalidUrl as refusal:
            self.fail("url", refusal=refusal)


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object"}]})
class ChatAddress(WebAddress):
    """A URL, or the name of the secret that is one: whoever knows a chat's may write in it."""

    def to_internal_value(self, data: Any) -> Any:
        if names_secret(data):
            return data
        return super().to_internal_value(data)


class MailAddress(Line):
    """An address of e-mail."""

    stated: ClassVar = {"format": "email"}

    default_error_messages = {"address": "This must be an address such as ops@example.com."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 254} | kwargs)

    def to_internal_value(self, data: Any) -> str:
        address = super().to_internal_value(data)
        try:
            validate_email(address)
        except ValidationError:
            self.fail("address")
        return address

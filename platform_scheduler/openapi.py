"""What all operations have in common in the OpenAPI document: refusals, roles, tokens."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.permissions import SAFE_METHODS

from platform_scheduler.authentication import TokenAuthentication, required_role
from platform_scheduler.idempotency import HEADER, REPLAYED
from platform_scheduler.refusals import refusals
from scheduler.answers import ProblemAnswer

_KEY = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": (
        "Makes it safe to repeat the request: for 24 hours the same key, body and query on this path are answered as "
        f"the first time, with `{REPLAYED}: true`; with another body or query it is 422, while the first still runs "
        "409 with `Retry-After`. A 5xx is not remembered."
    ),
}

_REASON = {
    "in": "header",
    "name": "X-Reason",
    "required": False,
    "schema": {"type": "string", "minLength": 1},
    "description": (
        "Why: at most 1,000 characters, those beyond ASCII percent-encoded. Kept with the audit record, and with the "
        "revision where there is one."
    ),
}


class DocumentedView(AutoSchema):
    """Adds to each operation what all have in common: its refusals, and the role that it needs."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Return the operation with its refusals and its role, however its view describes it."""
        operation: Any = super().get_operation(*args, **kwargs)
        if operation:
            if self.method not in SAFE_METHODS:
                operation.setdefault("parameters", []).append(_REASON)
            if self.method == "POST":
                operation.setdefault("parameters", []).append(_KEY)
            self.resolve_serializer(ProblemAnswer, "response")
            role = str(required_role(self.view, self.method))
            operation["responses"] |= refusals(operation, method=self.method, path=self.path, role=role)
            operation["description"] = f"{operation.get('description', '')}\n\nRole: {role}."
        return operation


class StatedField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Says of a field what its class states beyond type and length; it registers itself."""

    @classmethod
    def _matches(cls, target: Any) -> bool:
        return hasattr(target, "stated")

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Any:
        """Return the field's own schema with that."""
        field: Any = self.target
        own: Any = auto_schema._map_serializer_field  # noqa: SLF001
        schema: Any = own(field, direction, bypass_extensions=True)
        if isinstance(schema.get("type"), list):
            schema["type"] = schema["type"][0]  # whoever asks adds null, too
        return schema | field.stated


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the document describes tokens; it registers itself."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API token."}

"""Fields of forms that hold JSON as text."""

import json
from typing import Any, Final

from django import forms

from scheduler.engine import strict_json

LONGEST_JSON: Final = 1_000_000


class JsonField(forms.CharField):
    """A part of a definition as JSON; what was typed stays where it is none."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text to show."""
        return value if isinstance(value, str) or value is None else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        """Return what the text says, None where it says nothing. Raises ValidationError."""
        text = super().clean(value)
        try:
            return strict_json.loads(text) if text else None
        except strict_json.InvalidJson as error:
            raise forms.ValidationError(f"This is not JSON: {error}", code="invalid") from None


class DocumentField(JsonField):
    """A whole JSON document."""

    def __init__(self, *, rows: int = 8, **kwargs: Any) -> None:
        attributes = {"class": "vLargeTextField document", "rows": rows, "spellcheck": "false"}
        super().__init__(max_length=LONGEST_JSON, widget=forms.Textarea(attrs=attributes), **kwargs)

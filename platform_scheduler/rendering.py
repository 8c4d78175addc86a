"""Writes answers as JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework import renderers

# Instants are written as the framework writes them, with Z.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class JSONRenderer(renderers.JSONRenderer):
    """The framework's, by a faster writer; what that one cannot write, and whoever asks for `indent`, takes the other.

    A page of two hundred tasks has 400 KB.
    """

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the text, in UTF-8."""
        if data is None or self.get_indent(accepted_media_type or "", renderer_context or {}) is not None:
            return self._slowly(data, accepted_media_type, renderer_context)
        try:
            text = orjson.dumps(data, default=self.encoder_class().default, option=_OPTIONS)
        except TypeError:
            # A number of more than 64 bits, which a task's data may hold, or half a character.
            return self._slowly(data, accepted_media_type, renderer_context)
        # As the framework: a script may hold the answer as it is.
        return text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")

    def _slowly(self, *given: Any) -> bytes:
        written: bytes = super().render(*given)
        return written

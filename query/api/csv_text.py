"""Answers as CSV, for spreadsheets."""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any, Final

from rest_framework.renderers import BaseRenderer

# A cell that begins so is a formula to a spreadsheet, whoever has chosen the name of a task: OWASP's list, with the
# full-width forms that some take as well; blanks before them change nothing.
_FORMULA: Final = re.compile("\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\\t\\r\\n]")


class CsvRenderer(BaseRenderer):
    """Writes the objects in `content` as lines, under the names of their fields."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return the text."""
        lines = [_flat(line) for line in data["content"]]
        written = io.StringIO()
        writer = csv.writer(written)
        writer.writerow(data["columns"])
        writer.writerows([_cell(line[name]) for name in data["columns"]] for line in lines)
        return written.getvalue().encode()


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object whose own objects' fields stand beside its own."""
    flat: dict[str, Any] = {}
    for name, value in line.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value

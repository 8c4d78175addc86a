"""Import: task records that are pasted or sent as a file, first as a plan that changes nothing, then registered."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from platform_scheduler.console.answering import require, whole
from register import bulk, pasted
from register.errors import RecordsRefused
from register.files import FORMATS, format_of
from register.formats.record import Record, UnreadableFile
from register.operators import actor_of
from scheduler import clock
from scheduler.seats import scope_of

Json = dict[str, Any]


def import_page(request: HttpRequest) -> HttpResponse:
    """Ask for records; then say what would become of each; then, once confirmed, register them."""
    require(request, "scheduler.add_task", "scheduler.change_task")
    content: Json = {"formats": list(FORMATS), "format": "yaml", "mode": bulk.CREATE, "modes": bulk.MODES, "text": ""}
    if request.method == "POST":
        content |= _typed(request)
        try:
            content |= _sent(request)
            records = pasted.read(content["text"], format_name=content["format"])
            if "confirmed" in request.POST:
                return _registered(request, records, content["mode"])
            content["plan"] = plan = pasted.planned(records, **_how(request, content["mode"]))
            content["counts"] = dict(Counter(one.outcome for one in plan))
            content["may_go_on"] = not any(one.faults for one in plan)
        except UnreadableFile as refusal:
            content["fault"] = str(refusal).removeprefix("text: ")
        except RecordsRefused as refusal:
            content["fault"] = f"Nothing was registered: {refusal}"
    return whole(request, "import", content, title="Import tasks")


def _typed(request: HttpRequest) -> Json:
    """Return what was typed."""
    name, mode = request.POST.get("format", "yaml"), request.POST.get("mode")
    return {
        "text": _lines(request.POST.get("text", "")),
        "format": name if name in FORMATS else "yaml",
        "mode": mode if mode in bulk.MODES else bulk.CREATE,
    }


def _sent(request: HttpRequest) -> Json:
    """Return what a file holds, in the place of what was typed; its name says its format. Raises UnreadableFile."""
    sent = request.FILES.get("file")
    if sent is None:
        return {}
    name = format_of(sent.name or "")
    text = _lines(pasted.decoded(sent.read(pasted.MOST_BYTES + 1)))
    return {"text": text} | ({"format": name} if name else {})


def _lines(text: str) -> str:
    """Return a text with line ends that stay: browsers send each as two characters, whatever the page had."""
    return text.replace("\r\n", "\n")


def _registered(request: HttpRequest, records: list[Record], mode: str) -> HttpResponse:
    results = pasted.registered(records, **_how(request, mode))
    counts = Counter(result.outcome for result in results)
    words = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
    messages.success(request, f"Imported: {words}.")
    return redirect("admin:scheduler_task_changelist")


def _how(request: HttpRequest, mode: str) -> Json:
    return {"mode": mode, "actor": actor_of(request), "namespace": scope_of(request), "now": clock.now()}


# By name: the path, and the view.
ROUTES: Final[Mapping[str, tuple[str, Callable[..., HttpResponse]]]] = {"import": ("import/", import_page)}

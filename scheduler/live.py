"""The live part of a page: what a page that refreshes itself asks for, and gets only where it has changed."""

import re
from hashlib import blake2b
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags

_CSRF: Final = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


def is_asked_for(request: HttpRequest) -> bool:
    """Tell whether the live part is asked for, instead of the page."""
    return request.headers.get("X-Part") == "live"


def answer(request: HttpRequest, part: str) -> HttpResponse:
    """Answer the live part; one that is as it was is answered 304."""
    # Each answer writes the same secret another way, and any of them will do.
    same = _CSRF.sub("", part)
    tag = f'"{blake2b(same.encode(), digest_size=12).hexdigest()}"'
    answered: HttpResponse
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        answered = HttpResponseNotModified()
    else:
        answered = HttpResponse(part)
    answered["ETag"] = tag
    answered["Cache-Control"] = "no-store"
    return answered

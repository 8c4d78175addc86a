"""If-Match: which versions of a task or calendar the caller is ready to change (RFC 9110 §13.1.1)."""

import re

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.request import Request

_TAG = re.compile(r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\xff]*)"')
LONGEST_VERSION = 9


class IfMatchRequired(APIException):
    """This installation takes no change that does not say which version it is of (RFC 6585 §3)."""

    status_code = 428
    default_detail = "Say by If-Match which version you change: send the ETag that you have read, or *."
    default_code = "precondition_required"


def accepted_versions(request: Request) -> frozenset[int] | None:
    """Return the versions that If-Match names; None where it is missing or `*`, and any will do.

    A tag of ours is a version in quotes. Others are well-formed and match nothing, as do weak ones: If-Match
    compares strongly. Raises ParseError where the header is no list of tags, IfMatchRequired where it is missing and
    REQUIRE_IF_MATCH is set.
    """
    header = request.headers.get("If-Match", "").strip()
    if not header and settings.REQUIRE_IF_MATCH:
        raise IfMatchRequired
    if header in {"", "*"}:
        return None
    versions: set[int] = set()
    for part in header.split(","):
        tag = _TAG.fullmatch(part.strip())
        if tag is None:
            raise ParseError('If-Match takes entity tags in double quotes, such as "3", or *.')
        opaque = tag["opaque"]
        if not tag["weak"] and opaque.isascii() and opaque.isdigit() and len(opaque) <= LONGEST_VERSION:
            versions.add(int(opaque))
    return frozenset(versions)

"""register.api.preconditions."""

import pytest
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from register.api.preconditions import accepted_versions


def _request(if_match: str) -> Request:
    return Request(APIRequestFactory().put("/", headers={"If-Match": if_match}))


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ("", None),
        ("*", None),
        (' "3" ', {3}),
        ('"3", "4"', {3, 4}),
        ('W/"3"', set()),
        ('"abc", "4"', {4}),
        ('""', set()),
        ('"00000000000000000003"', set()),
    ],
)
def test_it_reads_entity_tags(header: str, versions: set[int] | None) -> None:
    assert accepted_versions(_request(header)) == versions


@pytest.mark.parametrize("header", ["3", '"3', '"3" "4"', '"3",', "W/3", "* , *"])
def test_it_refuses_what_is_none(header: str) -> None:
    with pytest.raises(ParseError):
        accepted_versions(_request(header))

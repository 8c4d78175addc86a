"""Masking: a secret's value leaves no trace in texts and logs, however it is spelled there."""

import base64
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from workers.masking import Mask

VALUE = 'pä ss/w"ord\\'


@pytest.mark.parametrize(
    "spelled",
    [
        VALUE,
        json.dumps({"x": VALUE}),
        json.dumps({"x": VALUE}, ensure_ascii=False),
        repr({"x": VALUE}),
        f"https://example.com/?token={quote(VALUE)}",
        f"https://example.com/?token={quote(VALUE, safe='')}",
        f"https://example.com/?token={quote_plus(VALUE)}",
        base64.b64encode(VALUE.encode()).decode(),
    ],
)
def test_it_hides_a_value_however_it_is_spelled(spelled):
    masked = Mask([VALUE])(f"before {spelled} after")
    assert "ord" not in masked
    assert base64.b64encode(VALUE.encode()).decode() not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "***" in masked


def test_it_hides_the_longer_of_two_values_whole():
    assert Mask(["secret", "secret-and-more"])("is secret-and-more!") == "is ***!"


def test_it_hides_each_line_of_a_value():
    mask = Mask(["-----BEGIN KEY-----\nabcdef\n-----END KEY-----"])
    assert mask("got abcdef here") == "got *** here"


def test_it_leaves_other_texts_alone():
    assert Mask()("anything") == "anything"
    assert Mask(["secret"])("anything") == "anything"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("body: secret-val", "body: ***"),
        ("body: secr", "body: ***"),
        ("body: sec", "body: sec"),
        ("secret-value at the end: secret", "*** at the end: ***"),
        ("nothing", "nothing"),
    ],
)
def test_it_hides_the_half_that_a_cut_has_left(text, masked):
    assert Mask(["secret-value"]).cut(text) == masked


@pytest.fixture
def masked_log(caplog):
    caplog.set_level(logging.INFO)
    with Mask(["s3cr3t-token"]).over_logs():
        yield caplog


def test_it_hides_values_in_the_arguments_of_log_lines(masked_log):
    logging.getLogger("any.library").info("GET %s with %r", "/x", {"Authorization": "s3cr3t-token"})
    assert masked_log.messages == ["GET /x with {'Authorization': '***'}"]


def test_it_hides_values_in_logged_tracebacks(masked_log):
    try:
        raise ValueError("s3cr3t-token")
    except ValueError:
        logging.getLogger("any.library").exception("failed")
    assert "ValueError: ***" in masked_log.text
    assert "s3cr3t" not in masked_log.text


def test_it_hides_values_in_lines_whose_arguments_do_not_fit(masked_log):
    logging.getLogger("any.library").info("%d", "s3cr3t-token")
    assert masked_log.messages == ["%d (its arguments do not fit)"]


def test_it_leaves_logging_as_it_was():
    before = logging.getLogRecordFactory()
    with Mask(["s3cr3t-token"]).over_logs():
        assert logging.getLogRecordFactory() is not before
    assert logging.getLogRecordFactory() is before


def test_it_does_not_touch_logging_where_there_is_nothing_to_hide():
    before = logging.getLogRecordFactory()
    with Mask().over_logs():
        assert logging.getLogRecordFactory() is before

"""Secrets: who may read which, where they come from, and what is said when they do not."""

import os

import pytest

from workers.secrets import Reading, SecretMissing, SecretRefused, read


@pytest.fixture(autouse=True)
def listed(settings, monkeypatch):
    settings.SECRET_NAMES = {"payments": ["TOKEN", "OTHER", "../etc/passwd", "KEY"]}
    settings.SECRETS_DIR = None
    monkeypatch.setenv("TASK_SECRET_TOKEN", "s3cr3t-token")


def test_it_reads_the_environment():
    assert read("TOKEN", namespace="payments") == "s3cr3t-token"


def test_it_prefers_the_file_and_drops_its_last_line_break(settings, tmp_path):
    settings.SECRETS_DIR = str(tmp_path)
    (tmp_path / "TOKEN").write_text("from the file\nsecond line\n")
    assert read("TOKEN", namespace="payments") == "from the file\nsecond line"


def test_it_reads_the_environment_where_there_is_no_file(settings, tmp_path):
    settings.SECRETS_DIR = str(tmp_path)
    assert read("TOKEN", namespace="payments") == "s3cr3t-token"


@pytest.mark.parametrize(
    ("name", "namespace"),
    [("TOKEN", "default"), ("TOKEN", ""), ("DATABASE", "payments"), ("../etc/passwd", "payments")],
)
def test_it_refuses_what_the_namespace_does_not_list_and_names_it(name, namespace):
    with pytest.raises(SecretRefused, match=r"may not read the secret") as refusal:
        read(name, namespace=namespace)
    assert name in str(refusal.value)


def test_it_suggests_a_listed_name():
    with pytest.raises(SecretRefused, match=r"Did you mean 'TOKEN'\?"):
        read("TOKNE", namespace="payments")


def test_it_never_hands_out_the_platform_s_own_key(settings):
    assert "SECRET_KEY" in os.environ
    with pytest.raises(SecretMissing):
        read("KEY", namespace="payments")


def test_it_says_where_a_missing_secret_was_looked_for(settings, tmp_path):
    settings.SECRETS_DIR = str(tmp_path)
    with pytest.raises(SecretMissing, match=f"neither the file OTHER in {tmp_path} nor the variable TASK_SECRET_OTHER"):
        read("OTHER", namespace="payments")


def test_it_says_what_would_have_to_list_a_secret():
    with pytest.raises(SecretRefused, match=r"the secret 'B': its secretNames do not list it\."):
        read("B", namespace="payments", names=["A"])
    with pytest.raises(SecretRefused, match=r"the secret 'A': SECRET_NAMES of this worker does not list it\."):
        read("A", namespace="elsewhere")


def test_it_says_that_there_is_no_folder_of_secrets_either():
    with pytest.raises(SecretMissing, match=r": neither the variable TASK_SECRET_OTHER nor SECRETS_DIR is set\.$"):
        read("OTHER", namespace="payments")


def test_it_refuses_a_secret_too_short_to_be_masked(monkeypatch):
    monkeypatch.setenv("TASK_SECRET_TOKEN", "12345")
    with pytest.raises(SecretRefused, match="shorter than 6 characters"):
        read("TOKEN", namespace="payments")


@pytest.mark.parametrize("content", [b"\xff\xfe binary", b"x" * 70_000])
def test_it_refuses_a_file_that_is_no_text_or_too_long(settings, tmp_path, content):
    settings.SECRETS_DIR = str(tmp_path)
    (tmp_path / "TOKEN").write_bytes(content)
    with pytest.raises(SecretRefused):
        read("TOKEN", namespace="payments")


def test_it_refuses_a_variable_that_is_no_text(monkeypatch):
    monkeypatch.setenv("TASK_SECRET_TOKEN", "s3cr3t\udcff")
    with pytest.raises(SecretRefused, match="is no UTF-8 text"):
        read("TOKEN", namespace="payments")


def test_it_says_that_a_file_cannot_be_read(settings, tmp_path):
    settings.SECRETS_DIR = str(tmp_path)
    (tmp_path / "TOKEN").mkdir()
    with pytest.raises(SecretMissing, match="cannot be read: Is a directory"):
        read("TOKEN", namespace="payments")


def test_it_fills_secrets_at_any_depth_and_remembers_them():
    reading = Reading("payments")
    filled = reading.fill({"headers": [{"a": {"$secret": "TOKEN"}}], "n": 1, "t": "{{x}}"})
    assert filled == {"headers": [{"a": "s3cr3t-token"}], "n": 1, "t": "{{x}}"}
    assert list(reading.values) == ["s3cr3t-token"]


@pytest.mark.parametrize("reference", [{"$secret": 5}, {"$secret": "TOKEN", "more": 1}, {"$secret": None}])
def test_it_refuses_a_reference_that_is_none(reference):
    with pytest.raises(SecretRefused, match=r"taskData\.a\[0\]: a secret is named by"):
        Reading("payments").fill({"a": [reference]})


def test_it_goes_by_the_names_that_the_namespace_lists_itself():
    assert read("TOKEN", namespace="reports", names=["TOKEN"]) == "s3cr3t-token"
    with pytest.raises(SecretRefused, match=r"may not read the secret"):
        read("OTHER", namespace="payments", names=["TOKEN"])


def test_it_asks_once_which_are_listed():
    answers = iter([["TOKEN"]])
    reading = Reading("reports", lambda: next(answers))
    assert reading.fill([{"$secret": "TOKEN"}] * 2) == ["s3cr3t-token"] * 2


def test_it_asks_nothing_where_no_secret_is_named():
    reading = Reading("reports", lambda: pytest.fail("Somebody asked."))
    assert reading.fill({"a": ["b"]}) == {"a": ["b"]}

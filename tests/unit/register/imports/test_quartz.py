"""register.imports.quartz: from job_scheduling_data XML to records."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from register.formats.record import UnreadableFile
from register.imports import quartz
from register.imports.findings import Findings
from register.imports.item import Item, LeftOut
from register.imports.quartz import Choices
from register.imports.quartz_slots import QuartzSlots
from register.imports.quartz_xml import elements

JOB = "<job><name>Close</name><job-class>com.acme.Close</job-class>{}</job>"
DAILY = "<cron-expression>0 30 2 * * ?</cron-expression>"
START = "<start-time>2027-01-15T08:00:00</start-time>"


def _document(*parts: str) -> BytesIO:
    inner = "".join(parts)
    return BytesIO(
        f'<job-scheduling-data xmlns="http://www.quartz-scheduler.org/xml/JobSchedulingData" version="2.0">'
        f"<schedule>{inner}</schedule></job-scheduling-data>".encode()
    )


def _trigger(kind: str, *parts: str, name: str = "t") -> str:
    return f"<trigger><{kind}><name>{name}</name><job-name>Close</job-name>{''.join(parts)}</{kind}></trigger>"


def _repeat(count: str, milliseconds: str) -> str:
    return f"<repeat-count>{count}</repeat-count><repeat-interval>{milliseconds}</repeat-interval>"


def _every(number: str, unit: str) -> str:
    return f"<repeat-interval>{number}</repeat-interval><repeat-interval-unit>{unit}</repeat-interval-unit>"


def _read(*parts: str, **choices: Any) -> list[Any]:
    stream = _document(*parts)
    return list(quartz.read(lambda: elements(stream), Choices(**choices), file="jobs.xml"))


def _fields(*trigger: str, job: str = "", **choices: Any) -> dict[str, Any]:
    (item,) = _read(JOB.format(job), *trigger, **choices)
    fields: dict[str, Any] = item.record.fields
    return fields


def test_it_makes_a_record() -> None:
    data = "<job-data-map><entry><key>{}</key><value>{}</value></entry></job-data-map>"
    job = f"<description>Closes.</description><group>billing</group><recover>true</recover>{data.format('a', '1')}"
    trigger = _trigger("cron", "<job-group>billing</job-group><priority>8</priority>", data.format("b", "2"), DAILY,
                       "<time-zone>Europe/Berlin</time-zone>")  # fmt: skip
    assert _fields(trigger, job=job, classes={"com.acme.Close": "acme.close"}) == {
        "name": "billing.Close",
        "description": "Closes.",
        "taskClass": "acme.close",
        "timeoutSeconds": 86_400,
        "maxRetryCount": 1,
        "retryOn": ["LOST"],
        "labels": {"imported-from": "quartz", "quartz-group": "billing"},
        "taskData": {"a": "1", "b": "2"},
        "cronExpression": "0 30 2 * * ?",
        "timeZone": "Europe/Berlin",
        "misfirePolicy": "FIRE_ONCE",
        "priority": 8,
    }


def test_the_data_of_the_trigger_come_before_those_of_the_job() -> None:
    data = "<job-data-map><entry><key>a</key><value>{}</value></entry></job-data-map>"
    assert _fields(_trigger("cron", data.format("t"), DAILY), job=data.format("j"))["taskData"] == {"a": "t"}


@pytest.mark.parametrize(
    ("trigger", "schedule"),
    [
        (_trigger("cron", DAILY, START), {"cronExpression": "0 30 2 * * ?", "startAt": "2027-01-15T07:00:00Z"}),
        (_trigger("cron", DAILY, "<end-time>2027-01-15T08:00:00Z</end-time>"),
         {"cronExpression": "0 30 2 * * ?", "endAt": "2027-01-15T08:00:01Z"}),
        (_trigger("cron", "<cron-expression> 0 0\t6 ? * mon-fri/2 </cron-expression>"),
         {"cronExpression": "0 0 6 ? * mon-fri"}),
        (_trigger("simple", START), {"runAt": "2027-01-15T07:00:00Z"}),
        (_trigger("simple", _repeat("-1", "10000")), {"intervalSeconds": 10}),
        (_trigger("simple", START, _repeat("3", "60000")),
         {"intervalSeconds": 60, "startAt": "2027-01-15T07:00:00Z", "endAt": "2027-01-15T07:03:01Z"}),
        (_trigger("calendar-interval", START, _every("36", "HOUR")),
         {"intervalSeconds": 129_600, "startAt": "2027-01-15T07:00:00Z"}),
        (_trigger("calendar-interval", START, _every("1", "WEEK")),
         {"cronExpression": "0 0 8 ? * 6", "startAt": "2027-01-15T07:00:00Z"}),
        (_trigger("calendar-interval", START, _every("3", "MONTH")),
         {"cronExpression": "0 0 8 15 1,4,7,10 ?", "startAt": "2027-01-15T07:00:00Z"}),
        (_trigger("calendar-interval", START, _every("1", "YEAR")),
         {"cronExpression": "0 0 8 15 1 ?", "startAt": "2027-01-15T07:00:00Z"}),
    ],
)  # fmt: skip
def test_it_reads_triggers(trigger: str, schedule: dict[str, Any]) -> None:
    found = _fields(trigger, time_zone="Europe/Berlin")
    names = {"cronExpression", "intervalSeconds", "runAt", "startAt", "endAt"}
    assert {name: value for name, value in found.items() if name in names} == schedule


@pytest.mark.parametrize(
    ("kind", "instruction", "repeats", "policy"),
    [
        ("cron", "DO_NOTHING", 0, "SKIP"),
        ("cron", "FIRE_ONCE_NOW", 0, "FIRE_ONCE"),
        ("cron", "IGNORE_MISFIRE_POLICY", 0, "FIRE_ALL"),
        ("cron", "SMART_POLICY", 0, "FIRE_ONCE"),
        ("simple", "SMART_POLICY", 0, "FIRE_ONCE"),
        ("simple", "SMART_POLICY", 5, "FIRE_ONCE"),
        ("simple", "SMART_POLICY", -1, "SKIP"),
        ("simple", "RESCHEDULE_NEXT_WITH_REMAINING_COUNT", 5, "SKIP"),
        ("simple", "FIRE_NOW", 0, "FIRE_ONCE"),
    ],
)
def test_it_reads_misfire_instructions(kind: str, instruction: str, repeats: int, policy: str) -> None:
    repeat = f"<repeat-count>{repeats}</repeat-count><repeat-interval>1000</repeat-interval>"
    told = f"<misfire-instruction>MISFIRE_INSTRUCTION_{instruction}</misfire-instruction>"
    assert _fields(_trigger(kind, START, told, {"cron": DAILY, "simple": repeat}[kind]))["misfirePolicy"] == policy


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (_trigger("simple"), "It has no start-time"),
        (_trigger("simple", _repeat("2", "1000")), "It has no start-time"),
        (_trigger("simple", START, _repeat("-1", "250")), "250 ms"),
        (_trigger("simple", START, _repeat("-1", "1500")), "1500 ms"),
        (_trigger("simple", START, "<repeat-count>many</repeat-count>"), "repeat-count 'many' is no whole number"),
        (_trigger("simple", "<start-time>soon</start-time>"), "start-time 'soon' is no instant"),
        (_trigger("simple", "<start-time-seconds-in-future>5</start-time-seconds-in-future>"),
         "counts from when Quartz loads"),
        (_trigger("calendar-interval", START, "<repeat-interval>2</repeat-interval>"), "2 DAY"),
        (_trigger("calendar-interval", START, _every("5", "MONTH")), "5 MONTH"),
        (_trigger("calendar-interval", "<start-time>2027-01-31T08:00:00</start-time>",
                  "<repeat-interval-unit>MONTH</repeat-interval-unit>"), "1 MONTH from 2027-01-31"),
        (_trigger("cron", DAILY, "<calendar-name>holidays</calendar-name>"), "calendar-name holidays"),
        (_trigger("cron", DAILY, "<time-zone>Europe/Berlim</time-zone>"), "time-zone:"),
        (_trigger("cron", DAILY, "<priority>high</priority>"), "priority 'high'"),
        (_trigger("cron", DAILY, "<misfire-instruction>NEVER</misfire-instruction>"), "NEVER is none of Quartz's"),
        (_trigger("cron", "<cron-expression>0 0 * * *</cron-expression>"), "Quartz itself cannot read"),
        (_trigger("cron"), "Quartz itself cannot read"),
        (_trigger("solar"), "<solar> is no trigger"),
        ("<trigger/>", "Its job DEFAULT. is not in this file"),
        ("<trigger><cron><job-name>Other</job-name></cron></trigger>", "Its job DEFAULT.Other is not in this file"),
    ],
)  # fmt: skip
def test_it_refuses_by_name(trigger: str, said: str) -> None:
    found = _read(JOB.format(""), trigger)[-1]
    assert said in found.record.faults[0].message


@pytest.mark.parametrize(
    "trigger",
    [
        _trigger("simple", START, _repeat("2147483647", "3600000")),
        _trigger("simple", START, _repeat("999999999999999", "999999999999000")),
        _trigger("simple", START, _repeat("-1", "3600000"), "<end-time>9999-12-31T23:59:59</end-time>"),
        _trigger("cron", DAILY, "<end-time>9999-12-31T23:59:59</end-time>"),
        _trigger("cron", DAILY, "<end-time>9999-12-31T23:59:59-12:00</end-time>"),
        _trigger("calendar-interval", START, "<end-time>9999-12-31T23:59:59Z</end-time>"),
    ],
)
def test_an_end_that_nobody_sees_is_none(trigger: str) -> None:
    (item,) = _read(JOB.format(""), trigger, time_zone="America/New_York")
    assert "endAt" not in item.record.fields
    Findings(now=datetime(2026, 11, 26, tzinfo=UTC), slots=3).examine(item)


def test_a_start_before_all_is_left_to_be_refused() -> None:
    trigger = _trigger("cron", DAILY, "<start-time>0001-01-01T00:00:00+10:00</start-time>")
    assert _fields(trigger)["startAt"] == "1969-12-31T00:00:00Z"


def test_triggers_of_one_job_have_both_names() -> None:
    triggers = _trigger("cron", DAILY, name="a"), _trigger("cron", DAILY, name="b")
    assert [each.record.fields["name"] for each in _read(JOB.format(""), *triggers)] == ["Close: a", "Close: b"]


def test_groups_may_be_namespaces() -> None:
    trigger = _trigger("cron", "<job-group>billing</job-group>", DAILY)
    fields = _fields(trigger, job="<group>billing</group>", groups_are_namespaces=True)
    assert (fields["namespace"], fields["name"]) == ("billing", "Close")


def test_a_durable_job_without_trigger_runs_on_request() -> None:
    fields = _fields(job="<durability>true</durability>")
    assert fields["name"] == "Close"
    assert "cronExpression" not in fields


def test_a_job_that_quartz_drops_is_left_out() -> None:
    (found,) = _read(JOB.format(""))
    assert isinstance(found, LeftOut)


def test_built_in_handlers_get_braces_as_they_were() -> None:
    job = "<job-data-map><entry><key>a</key><value>{{{{b}}</value></entry></job-data-map>".replace("{{{{", "{{")
    trigger = _trigger("cron", DAILY)
    assert _fields(trigger, job=job)["taskData"] == {"a": "{{b}}"}
    assert _fields(trigger, job=job, classes={"com.acme.Close": "platform.noop"})["taskData"] == {"a": "{{{{b}}"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is not XML: no element found"),
        (b"hello", "line 1: it is not XML"),
        (b"<a></b>", "it is <a>; a Quartz file is <job-scheduling-data>"),
        (b"<job-scheduling-data>\n<schedule></job-scheduling-data>", "line 2: it is not XML: mismatched tag"),
        (b"<job-scheduling-data>" + b"<a>" * 20, "more than 12 levels deep"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><job-scheduling-data/>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><job-scheduling-data/>', "document type"),
        (b'<?xml version="1.0" encoding="klingon"?><job-scheduling-data/>', "it is not XML: unknown encoding"),
        (b"<job-scheduling-data><job><name>" + b"x" * 1_200_000, "a job is longer than 1 MiB"),
    ],
)
def test_it_says_why_a_file_cannot_be_read(text: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said.replace("(", r"\(")):
        list(elements(BytesIO(text)))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_it_reads_what_an_encoding_says(encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    head = f'<?xml version="1.0" encoding="{declared}"?>'
    text = f"{head}<job-scheduling-data><job><name>Lösch</name></job></job-scheduling-data>"
    (job,) = elements(BytesIO(text.encode(encoding)))
    assert isinstance(job.get("name"), str)
    assert job.get("name") == "Lösch"


def test_memory_stays_flat_whatever_stands_between_the_jobs() -> None:
    stream = _document("<!-- x -->" * 200_000, "<other>y</other>" * 50_000, JOB.format(""))
    assert [each.name for each in elements(stream)] == ["job"]


def test_an_item_tells_when_quartz_would_fire() -> None:
    (item,) = _read(JOB.format(""), _trigger("cron", DAILY))
    assert isinstance(item, Item)
    assert item.was is not None
    assert item.was.system == "Quartz"


@pytest.mark.parametrize(
    ("night", "utc"), [(datetime(2027, 3, 28, tzinfo=UTC), []), (datetime(2027, 10, 31, tzinfo=UTC), ["01:30"])]
)
def test_quartz_leaves_out_what_does_not_exist_and_takes_the_second_time(night: datetime, utc: list[str]) -> None:
    slots = QuartzSlots("0 30 2 * * ?", "Europe/Berlin").slots(after=night, until=night.replace(hour=12), count=9)
    assert [f"{slot:%H:%M}" for slot in slots] == utc


def test_quartz_fires_at_its_end_and_not_before_its_start() -> None:
    start, end = datetime(2027, 1, 1, 9, tzinfo=UTC), datetime(2027, 1, 3, 9, tzinfo=UTC)
    slots = QuartzSlots("0 0 9 * * ?", "UTC", start, end).slots(
        after=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2028, 1, 1, tzinfo=UTC), count=10
    )
    assert [slot.day for slot in slots] == [1, 2, 3]

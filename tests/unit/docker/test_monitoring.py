"""What docker/ gives Prometheus, Alertmanager and Grafana: it loads, and speaks of metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.debian import is_missing
from tests.unit.docker.composed import DOCKER, compose, platform_services
from tests.unit.docker.exposition import series

PROMETHEUS = DOCKER / "prometheus"
BOARDS = {file.stem: json.loads(file.read_text()) for file in (DOCKER / "grafana" / "dashboards").glob("*.json")}
RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
CASES = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
DOCUMENTED = DOCKER.parent / "docs" / "observability.md"

Panel = dict[str, Any]


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    path = shutil.which("promtool") or is_missing("promtool", package="prometheus")
    return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)


def named(text: str) -> set[str]:
    return set(re.findall(r"\bplatform_scheduler_\w+", text))


def panels(board: str) -> list[Panel]:
    return [panel for panel in BOARDS[board]["panels"] if panel["type"] != "row"]


def expressions(board: str) -> Iterator[str]:
    for panel in panels(board):
        yield from (target["expr"] for target in panel["targets"])


# Prometheus and Alertmanager


def test_prometheus_takes_its_configuration_and_rules() -> None:
    done = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stderr


def test_each_alert_fires_and_stays_silent_as_its_tests_say() -> None:
    done = promtool("test", "rules", PROMETHEUS / "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test_of_both() -> None:
    tried = {(test["alertname"], bool(test["exp_alerts"])) for case in CASES for test in case["alert_rule_test"]}
    assert tried == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_asks_for_metrics_that_there_are_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert named(rule["expr"]) - series() == set()
    assert set(rule["annotations"]) == {"summary", "action"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert f"`{rule['alert']}`" in DOCUMENTED.read_text()


def test_prometheus_asks_every_service_on_the_port_of_its_metrics() -> None:
    (job, _) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    ports = {name: service["environment"] for name, service in platform_services().items() if name != "migrate"}

    assert set(found["names"]) == set(ports)
    assert {str(found["port"])} == {told.get("METRICS_PORT") or told["HEALTH_PORT"] for told in ports.values()}


def test_alertmanager_tells_somebody_who_is_there() -> None:
    content = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text())
    receivers = {receiver["name"]: receiver for receiver in content["receivers"]}
    alerts = {rule["alert"] for rule in RULES}

    assert {content["route"]["receiver"], *(route["receiver"] for route in content["route"]["routes"])} <= set(
        receivers
    )
    (webhook,) = receivers["operators"]["webhook_configs"]
    assert Path(webhook["url_file"]).name in compose()["services"]["alertmanager"]["secrets"]
    muted = re.findall(r"[A-Z]\w+", " ".join(m for rule in content["inhibit_rules"] for m in rule["target_matchers"]))
    assert set(muted) <= alerts


def test_keda_asks_for_a_metric_that_there_is() -> None:
    scaled = yaml.safe_load((DOCKER / "kubernetes" / "keda" / "worker.yaml").read_text())
    asked = named(scaled["spec"]["triggers"][0]["metadata"]["query"])
    assert asked == {"platform_scheduler_queue_suggested_workers"}
    assert asked <= series()


# Grafana


def test_grafana_finds_its_dashboards_and_its_prometheus() -> None:
    service = compose()["services"]["grafana"]
    mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
    (provider,) = _provisioned("dashboards")["providers"]
    (source,) = _provisioned("datasources")["datasources"]

    assert mounted["./grafana/dashboards"] == provider["options"]["path"]
    assert (
        service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        == f"{provider['options']['path']}/overview.json"
    )
    assert source["url"] == "http://prometheus:9090"
    assert {board["templating"]["list"][0]["current"]["value"] for board in BOARDS.values()} == {source["uid"]}


def test_there_are_two_dashboards_with_names_of_their_own() -> None:
    assert set(BOARDS) == {"overview", "api"}
    assert len({board["uid"] for board in BOARDS.values()}) == len({board["title"] for board in BOARDS.values()}) == 2


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_is_built_as_grafana_expects(board: str) -> None:
    content = BOARDS[board]
    ids = [panel["id"] for panel in content["panels"]]

    assert content["id"] is None
    assert content["schemaVersion"] >= 39
    assert len(set(ids)) == len(ids)
    assert {panel["datasource"]["uid"] for panel in panels(board)} == {"${datasource}"}
    assert {panel["type"] for panel in panels(board)} <= {"stat", "timeseries", "heatmap"}
    assert all(panel["title"] and panel["description"] for panel in panels(board))
    for panel in panels(board):
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0


@pytest.mark.parametrize("board", BOARDS)
def test_no_panel_lies_on_another(board: str) -> None:
    places = [panel["gridPos"] for panel in BOARDS[board]["panels"]]
    assert all(0 <= place["x"] and place["x"] + place["w"] <= 24 for place in places)
    assert [pair for pair in combinations(places, 2) if _overlap(*pair)] == []


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_shows_metrics_that_there_are(board: str) -> None:
    assert {name for expression in expressions(board) for name in named(expression)} - series() == set()


@pytest.mark.parametrize("board", BOARDS)
def test_prometheus_understands_what_a_dashboard_asks(board: str, tmp_path: Path) -> None:
    asked = [expression.replace("$__rate_interval", "1m") for expression in expressions(board)]
    rules = [{"record": f"asked:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "asked.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": board, "rules": rules}]}))

    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stderr


# The documentation


def test_each_metric_is_documented() -> None:
    names = {name.removeprefix("platform_scheduler_") for name in series() if name.startswith("platform_scheduler_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    assert [name for name in sorted(families) if f"`{name}`" not in DOCUMENTED.read_text()] == []


def _provisioned(what: str) -> dict[str, Any]:
    (file,) = (DOCKER / "grafana" / "provisioning" / what).glob("*.yaml")
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not below

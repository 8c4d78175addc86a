"""docker/kustomization.yaml with all that it names: valid by Kubernetes' own schemas, and consistent in itself."""

import copy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import ValidationError

from platform_scheduler.embedded import services as programs
from platform_scheduler.embedded.programs import Program
from tests.unit.docker.composed import DOCKER, services

VERSIONS = ("1.29", "1.33")
NAMES = ("gateway", "register", "query", "console", "scheduler", "worker")
SCALED = "ScaledObject"
# What KEDA 2.14 has under `spec` of a ScaledObject.
KEDA_WORDS = {
    "advanced", "cooldownPeriod", "fallback", "idleReplicaCount", "initialCooldownPeriod", "maxReplicaCount",
    "minReplicaCount", "pollingInterval", "scaleTargetRef", "triggers",
}  # fmt: skip

Manifest = dict[str, Any]


def _named(folder: Path) -> Iterator[Path]:
    """Yield the files that a kustomization names, and those of its components."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    yield from (folder / name for name in kustomization["resources"])
    for component in kustomization.get("components", []):
        yield from _named(folder / component)


MANIFESTS: list[Manifest] = [one for file in _named(DOCKER) for one in yaml.safe_load_all(file.read_text())]
# KEDA's kind has no schema among Kubernetes' own.
OWN = [one for one in MANIFESTS if one["kind"] != SCALED]


def of(kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] == kind}


def pod(name: str) -> Manifest:
    template: Manifest = (of("Deployment") | of("Job"))[name]["spec"]["template"]
    return template


def container(name: str) -> Manifest:
    (only,) = pod(name)["spec"]["containers"]
    return dict(only)


def test_it_names_every_manifest_that_is_there() -> None:
    there = {*DOCKER.glob("kubernetes/**/*.yaml")} - {*DOCKER.glob("kubernetes/**/kustomization.yaml")}
    assert set(_named(DOCKER)) == there


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", OWN, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_each_manifest_is_valid(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_word_is_not() -> None:
    broken = copy.deepcopy(of("Deployment")["console"])
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_workers_are_scaled_by_the_depth_of_their_queue() -> None:
    scaled = of(SCALED)["worker"]
    (trigger,) = scaled["spec"]["triggers"]

    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    assert set(scaled["spec"]) <= KEDA_WORDS
    assert scaled["spec"]["scaleTargetRef"]["name"] in of("Deployment")
    assert scaled["spec"]["minReplicaCount"] >= 2
    assert (trigger["type"], trigger["metadata"]["threshold"]) == ("prometheus", "1")
    assert 'queue="default"' in trigger["metadata"]["query"]


def test_kustomize_builds_it() -> None:
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("no kubectl, whose package is not Debian's")
    done = subprocess.run([kubectl, "kustomize", DOCKER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built: list[Manifest] = list(yaml.safe_load_all(done.stdout))

    assert {one["metadata"].get("namespace") for one in built if one["kind"] != "Namespace"} == {"platform-scheduler"}
    (worker,) = [one for one in built if one["kind"] == "Deployment" and one["metadata"]["name"] == "worker"]
    assert "replicas" not in worker["spec"]
    (template,) = [one for one in built if one["kind"] == "ConfigMap" and "gateway" in one["metadata"]["name"]]
    assert template["data"]["nginx.conf.template"] == (DOCKER / "nginx.conf").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_there_are_two_of_each_and_one_may_go(name: str) -> None:
    assert of("Deployment")[name]["spec"]["replicas"] == 2
    budget = of("PodDisruptionBudget")[name]["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == of("Deployment")[name]["spec"]["selector"]


@pytest.mark.parametrize("name", [*NAMES, "migrate"])
def test_each_pod_is_confined(name: str) -> None:
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(name)["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["spec"]["automountServiceAccountToken"] is False
    assert "memory" in container(name)["resources"]["limits"]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_probed_on_a_port_that_it_has(name: str) -> None:
    ports = {port["name"] for port in container(name)["ports"]}
    probes = [container(name)["livenessProbe"]["httpGet"], container(name)["readinessProbe"]["httpGet"]]

    assert {probe["port"] for probe in probes} <= ports
    assert probes[0]["path"] == "/health/live"
    assert probes[1]["path"] == ("/health/live" if name == "gateway" else "/health/ready")


@pytest.mark.parametrize(
    ("name", "program"),
    [
        *((name, programs.web(host="0.0.0.0", port=8000)) for name in ("register", "query", "console")),  # noqa: S104
        ("scheduler", programs.scheduler("scheduler", health_port=9100)),
        ("worker", programs.worker("worker", health_port=9100, children=4)),
    ],
)
def test_it_starts_what_up_starts(name: str, program: Program) -> None:
    expected = [word for word in program.argv[2:] if word not in ("-n", "worker@%h")]
    assert container(name)["args"] == expected


def test_the_gateway_is_told_all_that_its_template_asks_for() -> None:
    told = {one["name"]: one["value"] for one in container("gateway")["env"]}
    assert set(told) == set(services()["gateway"]["environment"])
    assert told["NGINX_ENVSUBST_FILTER"] == services()["gateway"]["environment"]["NGINX_ENVSUBST_FILTER"]
    hosts = {told[f"{kind}_{n}"].partition(":")[0] for kind in ("REGISTER", "QUERY", "CONSOLE") for n in (1, 2)}
    assert hosts <= set(of("Service"))


def test_no_manifest_holds_a_secret() -> None:
    assert of("Secret") == {}
    assert not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "BROKER_URL"} & set(
        of("ConfigMap")["platform-scheduler"]["data"]
    )


def test_each_service_leads_to_pods() -> None:
    labels = [pod(name)["metadata"]["labels"] for name in NAMES]
    for service in of("Service").values():
        assert any(service["spec"]["selector"].items() <= those.items() for those in labels)


def test_nothing_is_reached_that_no_policy_names() -> None:
    everything = of("NetworkPolicy")["nothing-else"]["spec"]
    assert everything == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (outside,) = of("NetworkPolicy")["outside"]["spec"]["egress"]
    assert outside["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]

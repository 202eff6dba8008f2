"""The manifests fit the code, and the rules that hold them find what is planted."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import certifi
import pytest
from pydantic import SecretStr

from dev import manifests
from dev.manifest_rules import broken, labels_of, name_of, of_kind, selects
from dev.manifests import faults
from dev.places import ROOT
from libs.events.facts import SERVICES
from libs.service.settings import PREFIX, Settings
from tests.deploy.rendered import OVERLAYS, found, needs_kubectl, overlay, processes

pytestmark = needs_kubectl
OPERATIONS = (ROOT / "docs/operations.md").read_text()
SECRETS = {name for name, one in Settings.model_fields.items() if one.annotation is SecretStr}
KNOWN = {*Settings.model_fields} - {"service"}
GIVEN = {
    "Deployment api": {"url": "api", "secret": "keys", "master-key": "keys"},
    "Deployment worker": {"url": "worker", "secret": "keys", "master-key": "keys", "kafka-password": "kafka"},
    "Job operate": {"url": "worker", "secret": "keys", "master-key": "keys", "kafka-password": "kafka"},
    "Job migrate": {"url": "owner", "secret": "keys"},
}
"""The files of each process, and whose secret each is."""

Change = Callable[[Any], object]


def component(workload: Any) -> str:
    return str(workload["metadata"]["labels"]["app.kubernetes.io/component"])


def service_of(workload: Any) -> str:
    return str(workload["metadata"]["labels"]["app.kubernetes.io/name"])


def container(workload: Any) -> Any:
    return workload["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_fits_schemas_and_rules(name: str) -> None:
    documents = overlay(name)
    assert [fault for document in documents for fault in faults(document)] == []
    assert broken(documents) == []


PLANTED: dict[str, tuple[str, str, Change]] = {
    "a misspelt field": ("Deployment", "replicaz", lambda one: one["spec"].update(replicaz=3)),
    "a version that is gone": (
        "KafkaTopic",
        "no schema",
        lambda one: one.update(apiVersion="kafka.strimzi.io/v1beta2"),
    ),
    "partitions as text": ("KafkaTopic", "partitions", lambda one: one["spec"].update(partitions="12")),
    "backups in the cluster": (
        "Cluster",
        "backup",
        lambda one: one["spec"].update(backup={"barmanObjectStore": {}}),
    ),
    "a rule without a unit": (
        "PrometheusRule",
        "groups.1.rules.0.for",
        lambda one: one["spec"]["groups"][1]["rules"][0].update({"for": "60"}),
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_schema_finds(fault: str) -> None:
    kind, says, change = PLANTED[fault]
    document = copy.deepcopy(of_kind(overlay("prod"), kind)[0])
    assert faults(document) == []
    change(document)
    assert any(says in one for one in faults(document))


BROKEN: dict[str, tuple[str, str, Change]] = {
    "a missing probe": ("Deployment", "no livenessProbe", lambda one: container(one).pop("livenessProbe")),
    "a user who is root": (
        "Deployment",
        "may run as root",
        lambda one: one["spec"]["template"]["spec"]["securityContext"].update(runAsUser=0),
    ),
    "capabilities": ("Job", "keeps capabilities", lambda one: container(one)["securityContext"].pop("capabilities")),
    "no limit for files": (
        "Deployment",
        "no limits.ephemeral-storage",
        lambda one: container(one)["resources"]["limits"].pop("ephemeral-storage"),
    ),
    "no budget": ("PodDisruptionBudget", "no disruption budget", lambda one: one["spec"]["selector"].clear()),
    "an open namespace": ("NetworkPolicy", "not closed", lambda one: one["spec"].update(egress=[{}])),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_rule_finds(fault: str) -> None:
    kind, says, change = BROKEN[fault]
    documents = copy.deepcopy(overlay("prod"))
    for document in of_kind(documents, kind):
        if kind != "NetworkPolicy" or name_of(document) == "default-deny":
            change(document)
    if fault == "no budget":
        documents = [one for one in documents if one["kind"] != kind]
    assert any(says in one for one in broken(documents))


def test_the_check_fails_for_a_fault(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        manifests, "render", lambda _: [{"apiVersion": "v1", "kind": "Service", "metadata": {}, "portz": []}]
    )
    assert manifests.main() == 1
    assert "portz" in capsys.readouterr().err
    monkeypatch.setattr(manifests, "kubectl", lambda: None)
    assert manifests.main() == 0
    assert "SKIPPED" in capsys.readouterr().err


def test_the_five_differ_only_by_name() -> None:
    """What is special about a service stands in its kustomization and is listed here."""
    texts = {}
    for service in SERVICES:
        text = (manifests.K8S / "base" / service / "kustomization.yaml").read_text()
        assert f"literals: [SERVICE={service}, PACKAGE={service.replace('-', '_')}]" in text
        plain = text.replace(f"={service.replace('-', '_')}]", "").replace(service, "")
        texts[service] = plain.split("patches:")[0].replace("resources: [webhooks.yaml]\n", "")
    assert len(set(texts.values())) == 1


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_service_has_its_processes(name: str) -> None:
    documents = overlay(name)
    wanted = {(service, kind) for service in SERVICES for kind in GIVEN}
    assert {(service_of(one), f"{one['kind']} {component(one)}") for one in processes(documents)} == wanted
    for one in processes(documents):
        if component(one) == "operate":
            assert one["spec"]["suspend"]
        else:
            assert container(one)["args"] == ["services.$(PACKAGE)", component(one)]


def test_production_keeps_going_when_a_pod_goes() -> None:
    documents = overlay("prod")
    for service in SERVICES:
        scaled = found(documents, "HorizontalPodAutoscaler", f"{service}-api")["spec"]
        assert scaled["minReplicas"] >= 2
        assert scaled["scaleTargetRef"]["name"] == f"{service}-api"
        assert "replicas" not in found(documents, "Deployment", f"{service}-api")["spec"]
        assert found(documents, "Deployment", f"{service}-worker")["spec"]["replicas"] == 2
    for one in of_kind(documents, "Deployment"):
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        assert all(selects(each["labelSelector"], labels_of(one)) for each in spread)


def environment(documents: list[Any], workload: Any) -> dict[str, str]:
    """The variables that a process gets, as the kubelet puts them together; secrets by name are left out."""
    given: dict[str, str] = {}
    for source in container(workload).get("envFrom", ()):
        if "configMapRef" in source:
            given |= found(documents, "ConfigMap", source["configMapRef"]["name"])["data"]
    for one in container(workload).get("env", ()):
        given[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: given[match[1]], one["value"])
    return given


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_setting_that_is_given_is_one(name: str) -> None:
    documents = overlay(name)
    for one in processes(documents):
        for variable in environment(documents, one):
            if variable.startswith(PREFIX):
                setting = variable.removeprefix(PREFIX).lower()
                assert setting in KNOWN or setting.removesuffix("_file") in SECRETS, variable


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_process_starts_with_what_it_is_given(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = overlay(name)
    url, key = "postgresql://someone:x7Gq@here/salesloom", "0123456789abcdef" * 4
    for file in ("url", "secret", "master-key", "kafka-password"):
        (tmp_path / file).write_text(url if file == "url" else key)
    for one in processes(documents):
        with monkeypatch.context() as context:
            for variable, value in environment(documents, one).items():
                placed = value.replace("/run/salesloom", str(tmp_path)).replace("/run/kafka/ca.crt", certifi.where())
                context.setenv(variable, placed)
            settings = Settings(service=service_of(one))
            whose = GIVEN[f"{one['kind']} {component(one)}"]["url"]
            assert getattr(settings, f"{whose}_url").get_secret_value() == url
            assert settings.environment == {"dev": "development", "prod": "production"}[name]
            if component(one) != "migrate":
                assert settings.objects.endswith(f"/{service_of(one)}")


def sources(workload: Any) -> dict[str, str]:
    """The files of a process, and the secret that each comes from."""
    [volume] = [one for one in workload["spec"]["template"]["spec"]["volumes"] if one["name"] == "secrets"]
    return {
        item["path"]: source["secret"]["name"]
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def test_a_process_sees_the_secrets_of_its_role_only() -> None:
    for one in processes(overlay("prod")):
        service, given = service_of(one), GIVEN[f"{one['kind']} {component(one)}"]
        of = {"keys": f"{service}-keys", "kafka": service}
        wanted = {file: of.get(whose, f"{service}-database-{whose}") for file, whose in given.items()}
        assert sources(one) == {**wanted, "postgres.crt": f"{service}-postgres-ca"}
        others = {str(volume) for volume in one["spec"]["template"]["spec"]["volumes"] if volume["name"] != "secrets"}
        assert not re.findall(r"database-\w+", "".join(others))
        assert not [each for each in container(one)["env"] if "valueFrom" in each]


def test_development_holds_all_secrets_it_needs() -> None:
    documents = overlay("dev")
    there = {name_of(one) for one in of_kind(documents, "Secret")}
    assert {name for one in processes(documents) for name in sources(one).values()} == there


def test_every_secret_of_production_is_told_of() -> None:
    documents = overlay("prod")
    names = {name for one in processes(documents) for name in sources(one).values()}
    names |= {
        each["secretRef"]["name"]
        for one in processes(documents)
        for each in container(one).get("envFrom", ())
        if "secretRef" in each
    }
    for service in SERVICES:
        names = {"S" + name.removeprefix(service) if name.startswith(service) else name for name in names}
    assert names == {"S", "S-database-api", "S-database-worker", "S-database-owner", "S-keys", "S-objects",
                     "S-postgres-ca"}  # fmt: skip
    section = OPERATIONS.split("## Kubernetes")[1].split("\n## ")[0]
    assert {name for name in names if f"`{name}`" not in section} == set()


def policies(documents: list[Any], labels: Mapping[str, str], way: str) -> list[Any]:
    """The policies that let something in or out of pods with these labels."""
    return [
        one
        for one in of_kind(documents, "NetworkPolicy")
        if selects(one["spec"]["podSelector"], labels) and one["spec"].get(way)
    ]


@pytest.mark.parametrize("name", OVERLAYS)
def test_only_the_worker_that_sends_webhooks_reaches_the_internet(name: str) -> None:
    documents = overlay(name)
    reaching = set()
    for one in processes(documents):
        for policy in policies(documents, labels_of(one), "egress"):
            for rule in policy["spec"]["egress"]:
                blocks = [to["ipBlock"] for to in rule.get("to", ()) if "ipBlock" in to]
                wide = [block for block in blocks if block["cidr"] in {"0.0.0.0/0", "::/0"}]
                if wide or not rule.get("to"):
                    reaching.add(name_of(one))
                if wide:
                    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(wide[0]["except"])
    assert reaching == {"alerting-worker"}


def test_a_service_reaches_its_own_database_only() -> None:
    documents = overlay("prod")
    for one in processes(documents):
        reached = {
            value
            for policy in policies(documents, labels_of(one), "egress")
            for rule in policy["spec"]["egress"]
            for to in rule["to"]
            for each in to.get("podSelector", {}).get("matchExpressions", ())
            for value in each["values"]
        }
        kafka = {"salesloom"} if component(one) in {"worker", "operate"} else set()
        assert reached == {f"{service_of(one)}-postgres"} | kafka


def test_whom_requests_come_from() -> None:
    documents = overlay("prod")
    for one in of_kind(documents, "Deployment"):
        inwards = {
            (rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
            for policy in policies(documents, labels_of(one), "ingress")
            for rule in policy["spec"]["ingress"]
            for port in rule["ports"]
        }
        assert inwards == {("monitoring", 9000)} | ({("ingress", 8000)} if component(one) == "api" else set())


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_is_named_is_there(name: str) -> None:
    documents = overlay(name)
    pods = [labels_of(one) for one in of_kind(documents, "Deployment", "StatefulSet", "Job")]
    for service in of_kind(documents, "Service"):
        assert any(service["spec"]["selector"].items() <= labels.items() for labels in pods)
    kinds = {(one["kind"], name_of(one)) for one in documents}
    for one in processes(documents):
        pod = one["spec"]["template"]["spec"]
        assert ("ServiceAccount", pod["serviceAccountName"]) in kinds
        assert ("PriorityClass", pod["priorityClassName"]) in kinds
    for ingress in of_kind(documents, "Ingress"):
        backends = [each["http"]["paths"][0]["backend"]["service"]["name"] for each in ingress["spec"]["rules"]]
        assert backends == [f"{service}-api" for service in SERVICES]
        assert {("Service", backend) for backend in backends} <= kinds


def test_development_is_of_core_kinds() -> None:
    assert not {one["apiVersion"] for one in overlay("dev") if "." in one["apiVersion"].replace(".k8s.io/", "/")}


def test_a_namespace_takes_restricted_pods_only() -> None:
    for name in OVERLAYS:
        [namespace] = of_kind(overlay(name), "Namespace")
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_names_a_place_of_its_own() -> None:
    """The image is a name, and each process runs as the user that the image has."""
    for name in OVERLAYS:
        for one in processes(overlay(name)):
            assert container(one)["image"].split(":")[0] == "salesloom"
            assert (
                f"USER {one['spec']['template']['spec']['securityContext']['runAsUser']}:"
                in (ROOT / "Dockerfile").read_text()
            )

"""Topics, users and rights on Kafka, against what the services do."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from dev.manifest_rules import name_of, of_kind
from dev.manifests import faults
from libs.events.facts import SERVICES
from libs.events.topics import A_DAY, FOREVER
from libs.events.wire import LOG_PARTITIONS, Topics
from services.lead_routing.tenants.command_line import acls
from tests.deploy.rendered import found, needs_kubectl, overlay, with_component

pytestmark = needs_kubectl
TOPICS = Topics()
TENANT = "acme0001"


def rights(user: Any) -> set[tuple[str, str, str, str]]:
    """(operation, type, name, pattern) of all that a user may do."""
    return {
        (
            operation,
            one["resource"]["type"],
            one["resource"].get("name", ""),
            one["resource"].get("patternType", "literal"),
        )
        for one in user["spec"]["authorization"]["acls"]
        for operation in one["operations"]
    }


def may(user: Any, operation: str, topic: str) -> bool:
    """True if the user may do that with a topic."""
    return any(
        done == operation and kind == "topic" and (topic.startswith(name) if pattern == "prefix" else topic == name)
        for done, kind, name, pattern in rights(user)
    )


def users() -> list[Any]:
    return of_kind(overlay("prod"), "KafkaUser")


def listens(service: str) -> tuple[str, ...]:
    found: tuple[str, ...] = importlib.import_module(f"services.{service.replace('-', '_')}.service").SERVICE.listens
    return found


def test_the_topics_are_those_that_services_make() -> None:
    declared = {
        name_of(one): (
            one["spec"]["partitions"],
            {name: str(value) for name, value in one["spec"]["config"].items()},
        )
        for one in of_kind(overlay("prod"), "KafkaTopic")
    }
    wanted = {TOPICS.log(service): (LOG_PARTITIONS, FOREVER) for service in SERVICES}
    wanted |= {TOPICS.watermarks(service): (1, A_DAY) for service in SERVICES}
    assert declared == wanted
    assert {one["spec"]["replicas"] for one in of_kind(overlay("prod"), "KafkaTopic")} == {3}


def test_everything_is_of_the_one_cluster() -> None:
    documents = overlay("prod")
    [cluster] = of_kind(documents, "Kafka")
    for one in of_kind(documents, "KafkaTopic", "KafkaUser", "KafkaNodePool"):
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == name_of(cluster)
    [settings] = [one["data"] for one in of_kind(documents, "ConfigMap") if name_of(one).startswith("installation")]
    [listener] = cluster["spec"]["kafka"]["listeners"]
    assert settings["SALESLOOM_KAFKA"] == f"{name_of(cluster)}-kafka-bootstrap:{listener['port']}"
    assert (listener["tls"], listener["authentication"]["type"]) == (True, "scram-sha-512")


def test_what_is_acknowledged_is_on_two_brokers() -> None:
    documents = overlay("prod")
    [cluster] = of_kind(documents, "Kafka")
    config = cluster["spec"]["kafka"]["config"]
    assert config["auto.create.topics.enable"] is False
    assert (config["min.insync.replicas"], config["default.replication.factor"]) == (2, 3)
    assert config["unclean.leader.election.enable"] is False
    pools = {
        name_of(one): (one["spec"]["roles"], one["spec"]["replicas"]) for one in of_kind(documents, "KafkaNodePool")
    }
    assert pools == {"controllers": (["controller"], 3), "brokers": (["broker"], 3)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_log_has_one_writer(service: str) -> None:
    for topic in (TOPICS.log(service), TOPICS.watermarks(service)):
        assert [name_of(one) for one in users() if may(one, "Write", topic)] == [service]
        readers = {name_of(one) for one in users() if may(one, "Read", topic)}
        assert readers == {service, *(other for other in SERVICES if service in listens(other))}
    assert not any(may(one, "Delete", TOPICS.log(service)) for one in users())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_do_its_work(service: str) -> None:
    user = found(overlay("prod"), "KafkaUser", service)
    assert user["spec"]["authentication"] == {"type": "scram-sha-512"}
    for topic in (TOPICS.feed(TENANT, service), TOPICS.signals(TENANT), TOPICS.rejected(TENANT)):
        assert all(may(user, operation, topic) for operation in ("Create", "Write", "Read", "Describe"))
    assert may(user, "DescribeConfigs", TOPICS.log(service))
    groups = {name for _, kind, name, _ in rights(user) if kind == "group"}
    assert groups == {f"{service}.ingest"}


def test_a_partner_may_do_what_the_command_line_says(tmp_path: Path) -> None:
    documents = with_component("kafka", "partner-access", tmp_path)
    assert [fault for document in documents for fault in faults(document)] == []
    partner = found(documents, "KafkaUser", f"partner-{TENANT}")
    said = set()
    for line in acls(TOPICS, TENANT).splitlines():
        assert f"User:{name_of(partner)} " in line
        [(kind, name)] = re.findall(r"--(topic|group) (\S+)", line)
        pattern = "prefix" if "prefixed" in line else "literal"
        said |= {(operation, kind, name, pattern) for operation in re.findall(r"--operation (\w+)", line)}
    assert rights(partner) == said | {("Describe", "group", f"partner.{TENANT}.", "prefix")}
    assert partner["spec"]["quotas"]["consumerByteRate"] > 0
    written = [TOPICS.log(service) for service in SERVICES] + [TOPICS.feed(TENANT, service) for service in SERVICES]
    assert not any(may(partner, "Write", topic) for topic in written)
    assert not any(may(partner, "Read", topic) for topic in (TOPICS.log("kpi"), TOPICS.signals("other0001")))


def test_a_planted_writer_is_found() -> None:
    wide = {"resource": {"type": "topic", "name": "pipe", "patternType": "prefix"}, "operations": ["Write"]}
    user = {"spec": {"authorization": {"acls": [wide]}}}
    assert may(user, "Write", TOPICS.log("pipeline"))
    assert not may(user, "Write", TOPICS.log("kpi"))

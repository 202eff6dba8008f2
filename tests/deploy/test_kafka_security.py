"""A broker with users, as on Kubernetes: the committed rights are enough for the services, and nobody else gets in."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError
from confluent_kafka import Consumer, KafkaException, admin
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dev import kafka
from dev.places import ROOT, Places
from dev.ports import HOST, free_ports
from dev.provision import Database
from libs.events.broker import Broker
from libs.events.clock import FixedClock
from libs.events.facts import SERVICES
from libs.events.tests.counting import COUNT, COUNTERS, HEARD, Count
from libs.events.tests.stacks import MONDAY, request, settled, stack
from libs.events.topics import ensure_topics
from libs.events.wire import LOG_PARTITIONS, Topics
from libs.events.worker import Plan

USERS = ROOT / "deploy/k8s/kafka/users.yaml"
PARTNER = ROOT / "deploy/k8s/components/partner-access/user.yaml"
TOPICS = Topics()
PROPERTIES = """
listeners=PLAINTEXT://{host}:{inside},SASL_SSL://{host}:{outside},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{inside},SASL_SSL://{host}:{outside}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


@dataclass(frozen=True)
class Guarded:
    """A broker whose open listener is the administrator's; users come by the other one."""

    inside: str
    outside: str
    ca: Path
    passwords: dict[str, str]

    def of(self, user: str, **changes: Any) -> Broker:
        """As that user sees it."""
        return replace(Broker(self.outside, str(self.ca), user, self.passwords.get(user, "")), **changes)


def _documents(*files: Path) -> list[dict[str, Any]]:
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Started with the users of the manifests and their rights."""
    places = Places(tmp_path_factory.mktemp("guarded")).make()
    ca, keystore = _certificates(places.secrets)
    users = _documents(USERS, PARTNER)
    passwords = {one["metadata"]["name"]: secrets.token_hex(16) for one in users}
    inside, outside, controller = free_ports(3)
    more = PROPERTIES.format(host=HOST, inside=inside, outside=outside, controller=controller, keystore=keystore)
    running = kafka.launch(
        places.kafka,
        port=inside,
        controller_port=controller,
        logs=places.logs,
        pids=places.pids,
        more=more,
        passwords=passwords,
    )
    try:
        kafka.wait_ready(running)
        found = Guarded(running.bootstrap, f"{HOST}:{outside}", ca, passwords)
        _grant(found, users)
        asyncio.run(
            ensure_topics(
                Broker(found.inside),
                {TOPICS.log(one): LOG_PARTITIONS for one in SERVICES},
                [TOPICS.watermarks(one) for one in SERVICES],
            )
        )
        yield found
    finally:
        running.child.ask_to_stop()
        running.child.gone_by(time.monotonic() + 20)


def _grant(guarded: Guarded, users: list[dict[str, Any]]) -> None:
    """What Strimzi's operator does with the users."""
    bindings = []
    for user in users:
        for acl in user["spec"]["authorization"]["acls"]:
            resource = acl["resource"]
            pattern = "PREFIXED" if resource.get("patternType") == "prefix" else "LITERAL"
            for operation in acl["operations"]:
                name = "".join(f"_{letter}" if letter.isupper() else letter for letter in operation).lstrip("_").upper()
                bindings.append(
                    admin.AclBinding(
                        admin.ResourceType[resource["type"].upper()],
                        resource["name"],
                        admin.ResourcePatternType[pattern],
                        f"User:{user['metadata']['name']}",
                        "*",
                        admin.AclOperation[name],
                        admin.AclPermissionType.ALLOW,
                    )
                )
    client = admin.AdminClient({"bootstrap.servers": guarded.inside})
    for done in client.create_acls(bindings).values():
        done.result(timeout=20)


def _certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a key with its certificate for this machine in one file."""
    now = datetime.now(UTC)

    def certificate(name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, ca: bool) -> Any:
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    ca, keystore = folder / "ca.crt", folder / "broker.pem"
    ca.write_text(certificate("authority", authority, authority, True))
    keystore.write_text(private + certificate("broker", key, authority, False))
    return ca, keystore


async def _write(broker: Broker, topic: str) -> None:
    producer = AIOKafkaProducer(**broker.options(), request_timeout_ms=5000)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", partition=0)
    finally:
        await producer.stop()


def _records(broker: Broker, topic: str, group: str) -> list[bytes]:
    """What partition 0 has, read with a partner's own client. Raises KafkaException where that is not allowed."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.servers,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": broker.ca,
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": broker.user,
            "sasl.password": broker.password,
            "group.id": group,
            "enable.partition.eof": True,
        }
    )
    try:
        if error := consumer.list_topics(topic, 20).topics[topic].error:
            raise KafkaException(error)
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
        found: list[bytes] = []
        while (message := consumer.poll(20)) is not None:
            error = message.error()
            if error and error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                return found
            if error:
                raise KafkaException(error)
            found.append(message.value())
        raise TimeoutError(topic)
    finally:
        consumer.close()


async def _connect(broker: Broker) -> None:
    """As the services do."""
    consumer = AIOKafkaConsumer(**broker.options(), request_timeout_ms=5000)
    try:
        await consumer.start()
    finally:
        await consumer.stop()


async def test_two_services_with_their_rights_alone_tell_each_other_everything(
    guarded: Guarded, database: Callable[[str], Database]
) -> None:
    """S-16: relay, its comparison after a start, ingest, watermarks; encrypted, by name and password."""
    counting, hearing = Plan("lead-routing", projections=(COUNTERS,)), Plan("kpi", ("lead-routing",), (HEARD,))
    clock = FixedClock(MONDAY)
    own, other = database("lead-routing"), database("kpi")
    for heard in (1, 2):  # the second time the relay compares its log with the topic
        async with (
            stack(own, guarded.of("lead-routing"), TOPICS, counting, clock) as left,
            stack(other, guarded.of("kpi"), TOPICS, hearing, clock) as right,
        ):
            await settled(left, right)
            await left.runner.run(COUNT, Count(counter_id="c"), request())
            await settled(left, right)
            assert (
                await right.log.pool.fetchval("select count(*) from log.events where type = 'test-counted.v1'") == heard
            )


@pytest.mark.parametrize("service", SERVICES)
async def test_a_log_has_one_writer(guarded: Guarded, service: str) -> None:
    await _write(guarded.of(service), TOPICS.watermarks(service))
    for other in (one for one in SERVICES if one != service):
        for topic in (TOPICS.log(other), TOPICS.watermarks(other)):
            with pytest.raises(TopicAuthorizationFailedError):
                await _write(guarded.of(service), topic)


async def test_a_service_makes_the_feeds_of_partners_and_no_other_topic(guarded: Guarded) -> None:
    feed = TOPICS.feed("acme", "pipeline")
    await ensure_topics(guarded.of("pipeline"), {feed: 2})
    await _write(guarded.of("pipeline"), feed)
    with pytest.raises(KafkaError):
        await ensure_topics(guarded.of("pipeline"), {"something.else": 1})


async def test_a_partner_reads_its_own_feeds_and_nothing_else(guarded: Guarded) -> None:
    """8-1: only its tenant's, and writes only what it signals."""
    [name] = [one["metadata"]["name"] for one in _documents(PARTNER)]
    partner, tenant = guarded.of(name), name.removeprefix("partner-")
    own, foreign = TOPICS.feed(tenant, "kpi"), TOPICS.feed(f"{tenant}x", "kpi")
    await ensure_topics(guarded.of("kpi"), {own: 1, foreign: 1, TOPICS.signals(tenant): 1})
    for topic in (own, foreign):
        await _write(guarded.of("kpi"), topic)
    assert _records(partner, own, f"partner.{tenant}.reports") == [b"{}"]
    await _write(partner, TOPICS.signals(tenant))
    for topic in (foreign, TOPICS.log("kpi")):
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            _records(partner, topic, f"partner.{tenant}.reports")
    for topic in (own, foreign, TOPICS.log("kpi")):
        with pytest.raises(TopicAuthorizationFailedError):
            await _write(partner, topic)


@pytest.mark.parametrize(
    "changes",
    [{"password": "another"}, {"user": "nobody"}, {"ca": "", "user": "", "password": ""}, {"user": "", "password": ""}],
    ids=["wrong password", "unknown user", "plain text", "no user"],
)
async def test_nobody_gets_in_without_a_password(guarded: Guarded, changes: dict[str, str]) -> None:
    with pytest.raises((KafkaError, OSError)):
        await asyncio.wait_for(_connect(replace(guarded.of("kpi"), **changes)), 20)


async def test_a_broker_with_another_certificate_is_not_believed(guarded: Guarded, tmp_path: Path) -> None:
    other, _ = _certificates(tmp_path)
    with pytest.raises((KafkaConnectionError, OSError)):
        await asyncio.wait_for(_connect(guarded.of("kpi", ca=str(other))), 20)

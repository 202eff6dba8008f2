"""PostgreSQL and Kafka by Testcontainers, for test runs on a machine where a Docker engine answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev import kafka, postgres
from dev.ports import HOST, free_ports
from dev.processes import Say, Trouble, until

POSTGRES_IMAGE = "postgres:18-alpine"
KAFKA_IMAGE = "apache/kafka:4.3.1"
PASSWORD = "postgres"
WITHIN_S = 60.0


@contextmanager
def containers(say: Say) -> Iterator[tuple[str, str] | None]:
    """The superuser's DSN and the bootstrap address of a pair of containers; None where there cannot be any."""
    with ExitStack() as stack:
        yield _start(stack, say) if _engine_answers() else None


def _engine_answers() -> bool:
    """True when a Docker engine is there and wanted (SALESLOOM_TEST_SERVERS=embedded: it is not)."""
    if os.environ.get("SALESLOOM_TEST_SERVERS") == "embedded":
        return False
    if "DOCKER_HOST" not in os.environ and not Path("/var/run/docker.sock").exists():
        return False
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=3)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (DockerException, OSError):
        return False


def _start(stack: ExitStack, say: Say) -> tuple[str, str] | None:
    """Both containers, stopped with the stack; None, and said why, when the engine cannot have them."""
    from docker.errors import DockerException
    from testcontainers.core.container import DockerContainer

    database_port, broker_port = free_ports(2)
    dsn = f"postgresql://postgres:{PASSWORD}@{HOST}:{database_port}/postgres"
    bootstrap = f"{HOST}:{broker_port}"
    database = DockerContainer(POSTGRES_IMAGE).with_bind_ports(5432, database_port)
    database = database.with_env("POSTGRES_PASSWORD", PASSWORD).with_command("-c max_connections=400 -c fsync=off")
    broker = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, broker_port)
    broker = broker.with_envs(**_broker_environment(bootstrap))
    try:
        with ExitStack() as started:
            started.enter_context(database)
            started.enter_context(broker)
            until("PostgreSQL in its container answers", lambda: postgres.ready(dsn), within_s=WITHIN_S)
            until("Kafka in its container answers", lambda: kafka.ready(bootstrap), within_s=WITHIN_S)
            stack.enter_context(started.pop_all())
    except (DockerException, OSError, Trouble) as error:
        say(f"a Docker engine answers, but its containers cannot be used ({error}); embedded servers instead")
        return None
    return dsn, bootstrap


def _broker_environment(bootstrap: str) -> dict[str, str]:
    """The embedded broker's settings as the image takes them."""
    text = kafka.PROPERTIES.format(node=1, host="localhost", port=9092, controller_port=9093, data="/tmp/kafka")  # noqa: S108 - inside the container
    settings = dict(line.split("=", 1) for line in text.splitlines())
    settings |= {
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{bootstrap}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    }
    return {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}

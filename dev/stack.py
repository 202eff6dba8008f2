"""The whole product on one machine: the issuer and the five services as processes, on databases of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2

from dev.places import ROOT, Places
from dev.ports import HOST, SERVICES, Port, free_ports
from dev.processes import Child, Say, Trouble, call, spawn, until
from dev.provision import Database, provision
from libs.events.clock import FileClock
from libs.events.schema.migrate import migrate_soon

READY_WITHIN_S = 120.0
STOP_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Member:
    """One running service: where it answers, where its health is, how it was started, and its process if it is ours."""

    name: str
    api: str
    health: str
    database: Database
    command: tuple[str, ...]
    environment: Mapping[str, str]
    child: Child | None = None

    @property
    def own(self) -> Child:
        """Its process. Raises Trouble when another command started it."""
        if self.child is None:
            raise Trouble(f"{self.name} was not started by this process")
        return self.child


@dataclass(slots=True)
class Stack:
    """The five services and their issuer."""

    places: Places
    kafka: str
    prefix: str
    issuer: str
    clock: FileClock
    schemas: str
    members: dict[str, Member] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def url(self, service: str) -> str:
        """Where a service's API answers."""
        return self.members[service].api

    def kill(self, service: str) -> None:
        """SIGKILL to a service, as a machine would do it."""
        child = self.members[service].own
        child.process.kill()
        child.process.wait()

    def stop(self, service: str) -> None:
        """Stop a service as an orchestrator would, and wait until it has ended."""
        child = self.members[service].own
        child.ask_to_stop()
        child.gone_by(time.monotonic() + STOP_WITHIN_S)

    def start_again(self, service: str, mode: str = "serve") -> None:
        """Start a service that has ended, and wait until it is ready; `mode` e.g. `api` for one without a worker."""
        old = self.members[service]
        command = (*old.command[:-1], mode)
        health = f"http://{HOST}:{old.environment['SALESLOOM_HEALTH_PORT']}"
        child = self._spawn(service, command, old.environment)
        self.members[service] = replace(old, health=health, command=command, child=child)
        wait_ready(self.members[service])

    def start_worker(self, service: str) -> Child:
        """Start one more worker process of a service and wait until it works or stands by.

        It answers for the service's health until `start_again`.
        """
        old = self.members[service]
        (port,) = free_ports(1)
        name = f"{service}-worker-{port}"
        environment = {**old.environment, "SALESLOOM_HEALTH_PORT": str(port)}
        child = self._spawn(name, (*old.command[:-1], "worker"), environment)
        self.members[service] = replace(old, health=f"http://{HOST}:{port}")
        wait_ready(replace(self.members[service], child=child))
        return child

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        child = spawn(
            name,
            list(command),
            logs=self.places.logs,
            pids=self.places.pids,
            environment=environment,
            folder=ROOT,
        )
        self.children.append(child)
        return child

    def add(self, name: str, ports: tuple[int, int], database: Database) -> None:
        """Start one service, API and worker in one process."""
        environment = self.environment(name, database) | {
            "SALESLOOM_PORT": str(ports[0]),
            "SALESLOOM_HEALTH_PORT": str(ports[1]),
        }
        command = (sys.executable, "-m", f"services.{name.replace('-', '_')}", "serve")
        child = self._spawn(name, command, environment)
        api, health = (f"http://{HOST}:{port}" for port in ports)
        self.members[name] = Member(name, api, health, database, command, environment, child)

    def environment(self, name: str, database: Database) -> dict[str, str]:
        """The settings of a service's processes, its command line among them."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("SALESLOOM_")},
            "SALESLOOM_ENVIRONMENT": "development",
            "SALESLOOM_OWNER_URL": database.owner_url,
            "SALESLOOM_WORKER_URL": database.worker_url,
            "SALESLOOM_API_URL": database.api_url,
            "SALESLOOM_KAFKA": self.kafka,
            "SALESLOOM_TOPIC_PREFIX": self.prefix,
            "SALESLOOM_SCHEMAS_URL": self.schemas,
            "SALESLOOM_HOST": HOST,
            "SALESLOOM_ISSUER": self.issuer,
            "SALESLOOM_CLOCK": f"file:{self.clock.path}",
            "SALESLOOM_OBJECTS": str(self.places.evidence / name),
            "SALESLOOM_SECRET": self.places.secret(f"{name}-secret"),
            "SALESLOOM_OTLP_ENDPOINT": os.environ.get("SALESLOOM_OTLP_ENDPOINT", ""),
            "SALESLOOM_CORS_ORIGINS": os.environ.get("SALESLOOM_CORS_ORIGINS", ""),
        }


@contextmanager
def stack(
    places: Places,
    dsn: str,
    kafka: str,
    ports: Mapping[str, tuple[int, int]],
    issuer_port: int,
    say: Say,
    *,
    prefix: str = "",
    people: Path | None = None,
    services: Sequence[str] = SERVICES,
    wait_for_kafka: Callable[[], None] = lambda: None,
) -> Iterator[Stack]:
    """Provision, migrate, start everything, yield it ready, stop it. `dsn` is a superuser's; `ports`: API, health.

    Kafka may come up while the databases are made ready: `wait_for_kafka` is called before anything needs it.
    """
    begun = time.monotonic()
    databases = call(lambda: _databases(dsn, places, services, prefix))
    say(f"databases of the {len(services)} services ready ({time.monotonic() - begun:.1f} s)")
    issuer = f"http://{HOST}:{issuer_port}"
    schemas = f"http://{HOST}:{ports[services[0]][0]}/schemas/"
    running = Stack(places, kafka, f"{prefix}." if prefix else "", issuer, FileClock(places.clock), schemas)
    with ExitStack() as exits:
        exits.callback(_stop, running)
        people = people or places.data / "people.json"
        running.children.append(_issuer(running, issuer_port, people))
        wait_for_kafka()
        for name in services:
            running.add(name, ports[name], databases[name])
        for member in running.members.values():
            wait_ready(member)
        until("the issuer answers", lambda: answers_well(f"{issuer}/jwks"), within_s=READY_WITHIN_S)
        say(f"{len(services)} services ready ({time.monotonic() - begun:.1f} s)")
        yield running


async def _databases(dsn: str, places: Places, services: Sequence[str], prefix: str) -> dict[str, Database]:
    role_prefix = f"{prefix.replace('-', '_')}_" if prefix else ""
    found = [
        await provision(dsn, name, lambda role: places.secret(f"postgres-{role}"), prefix=role_prefix)
        for name in services
    ]
    for database in found:
        await migrate_soon(database.service, database.owner_url, database.worker_url, database.api_url)
    return {database.service: database for database in found}


def _issuer(running: Stack, port: int, people: Path) -> Child:
    if not people.exists():
        people.write_text(json.dumps([]))
    keys = running.places.secrets / "issuer-key"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("SALESLOOM_")},
        "SALESLOOM_ENVIRONMENT": "development",
    }
    command = [sys.executable, "-m", "libs.service.issuer", "--port", str(port), "--people", str(people)]
    return spawn(
        "issuer",
        [*command, "--key", str(keys)],
        logs=running.places.logs,
        pids=running.places.pids,
        environment=environment,
        folder=ROOT,
    )


def wait_ready(member: Member) -> None:
    """Return when its `/readyz` says yes; raise Trouble with its last words if it ends first."""
    until(
        f"{member.name} is ready",
        lambda: answers_well(f"{member.health}/readyz"),
        within_s=READY_WITHIN_S,
        child=member.child,
    )


def answers_well(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5, verify=False).status_code == 200  # no TLS here, so no certificates to load
    except httpx2.HTTPError:
        return False


def _stop(running: Stack) -> None:
    """Ask all to stop, wait for all, kill what is left."""
    deadline = time.monotonic() + STOP_WITHIN_S
    for child in running.children:
        child.ask_to_stop()
    for child in running.children:
        child.gone_by(deadline)


def run_line(member: Member, *arguments: str) -> str:
    """Run a command of a service's command line; its output. Raises Trouble with what it said when it fails."""
    done = call(lambda: _run_line(member, arguments))
    if done[0] != 0:
        raise Trouble(f"{member.name} {' '.join(arguments)} ended with code {done[0]}:\n{done[1]}")
    return done[1]


async def _run_line(member: Member, arguments: Sequence[str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *member.command[:-1],
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(member.environment),
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def ports_of(wanted: Mapping[str, tuple[Port, Port]]) -> dict[str, tuple[int, int]]:
    """The numbers of wanted ports."""
    return {name: (api.number, health.number) for name, (api, health) in wanted.items()}

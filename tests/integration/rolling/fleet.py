"""A service as several processes behind a balancer, and their replacement one at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from dev.ports import HOST, free_ports
from dev.processes import Child, spawn
from dev.stack import Member, Stack, wait_ready
from tests.integration.rolling.releases import PRESENT, Release

OWNER = "lead-routing"
ENDS_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a release: its API (of an `api` process), its health, and the child."""

    release: Release
    mode: str
    member: Member

    @property
    def child(self) -> Child:
        """The running child."""
        return self.member.own

    def end(self) -> None:
        """SIGTERM, and wait. Raises AssertionError unless it ends by itself and well."""
        self.child.ask_to_stop()
        assert self.child.gone_by(time.monotonic() + ENDS_WITHIN_S), f"{self.child.name} had to be killed"
        assert self.child.process.returncode == 0, self.child.last_words()


class Balancer:
    """Gives requests to the processes in rotation, in turn. One that is taken out gets no new requests."""

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self._rotation: list[Process] = []
        self._open: Counter[str] = Counter()
        self._turn = count()
        self._changed = threading.Condition()

    def add(self, process: Process) -> None:
        """Into rotation."""
        with self._changed:
            self._rotation.append(process)

    def take_out(self, process: Process) -> None:
        """Out of rotation; returns when its last request has been answered, as a preStop hook waits for."""
        with self._changed:
            self._rotation.remove(process)
            ended = self._changed.wait_for(lambda: not self._open[process.child.name], ENDS_WITHIN_S)
        assert ended, f"requests to {process.child.name} did not end"

    @contextmanager
    def turn(self) -> Iterator[Process]:
        """The process for one request."""
        with self._changed:
            process = self._rotation[next(self._turn) % len(self._rotation)]
            self._open[process.child.name] += 1
        try:
            yield process
        finally:
            with self._changed:
                self._open[process.child.name] -= 1
                self.answered[process.release.name] += 1
                self._changed.notify_all()


@dataclass
class Fleet:
    """Lead-routing as two API processes and two workers."""

    stack: Stack
    balancer: Balancer = field(default_factory=Balancer)
    apis: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)

    def begin(self) -> None:
        """In the place of the one process that does everything."""
        self.stack.stop(OWNER)
        begun = [self._begin(PRESENT, mode) for mode in ("api", "api", "worker", "worker")]
        for process in begun:
            wait_ready(process.member)
        self.apis, self.workers = begun[:2], begun[2:]
        for api in self.apis:
            self.balancer.add(api)
        self._point_at_the_last()

    def roll_out(self, release: Release, meanwhile: Callable[[], None]) -> None:
        """As docs/operations.md says: new workers beside the old, then the API processes, then the old workers go."""
        old_apis, old_workers = self.apis, self.workers
        self.apis, self.workers = [], []
        for _ in old_workers:
            self.workers.append(self.start(release, "worker"))
        meanwhile()
        for old in old_apis:
            new = self.start(release, "api")
            self.apis.append(new)
            self.balancer.add(new)
            meanwhile()
            self.balancer.take_out(old)
            old.end()
        for old in old_workers:
            old.end()
            meanwhile()
        self._point_at_the_last()

    def start(self, release: Release, mode: str) -> Process:
        """One more process, once it is ready."""
        process = self._begin(release, mode)
        wait_ready(process.member)
        return process

    def replace_listener(self, service: str, release: Release) -> None:
        """Another service, which is one process, in a later release."""
        self.stack.stop(service)
        before = self.stack.members[service]
        child = self._spawn(f"{service}-{release.name}", release, before.command, before.environment)
        self.stack.members[service] = replace(before, child=child)
        wait_ready(self.stack.members[service])

    def line(self, service: str, release: Release, *arguments: str, codes: Container[int] = (0,)) -> str:
        """What a command of a service's command line says in this release. Raises AssertionError for other codes."""
        member = self.stack.members[service]
        done = subprocess.run(
            [*member.command[:-1], *arguments],
            env=dict(member.environment),
            cwd=release.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in codes, (
            f"{service} {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def _begin(self, release: Release, mode: str) -> Process:
        member = self.stack.members[OWNER]
        port, health = free_ports(2)
        ports = {"SALESLOOM_PORT": str(port), "SALESLOOM_HEALTH_PORT": str(health)}
        command = (sys.executable, "-m", "services.lead_routing", mode)
        environment = {**member.environment, **ports}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(self.stack.places.data / "bytecode")
        child = self._spawn(f"{release.name}-{mode}-{port}", release, command, environment)
        api, health_url = f"http://{HOST}:{port}", f"http://{HOST}:{health}"
        return Process(release, mode, Member(OWNER, api, health_url, member.database, command, environment, child))

    def _spawn(self, name: str, release: Release, command: tuple[str, ...], environment: object) -> Child:
        assert isinstance(environment, dict)
        places = self.stack.places
        child = spawn(
            name, list(command), logs=places.logs, pids=places.pids, environment=environment, folder=release.folder
        )
        self.stack.children.append(child)
        return child

    def _point_at_the_last(self) -> None:
        """Where those ask who do not go through the balancer."""
        member = self.stack.members[OWNER]
        self.stack.members[OWNER] = replace(
            member, api=self.apis[-1].member.api, health=self.workers[-1].member.health, child=self.apis[-1].child
        )

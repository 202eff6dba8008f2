"""The product with everything that can be broken: servers of its own, ways to them that can be cut, standby workers."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from dev import kafka, postgres
from dev.kafka import Kafka
from dev.places import Places
from dev.ports import HOST, free_ports
from dev.postgres import Postgres
from dev.processes import Child, until
from dev.servers import THROW_AWAY_SETTINGS
from dev.stack import Stack, stack
from libs.events.clock import FileClock
from tests.integration.databases import rows, value
from tests.integration.faults.proxy import Proxy
from tests.product import WEDNESDAY

OWNER, LISTENERS = "lead-routing", ("pipeline", "kpi")
ENDS_WITHIN_S = 20.0
DISK_MB = 1500
Ports = tuple[int, int, int, int]
"""Of PostgreSQL, Kafka, its controller, and Kafka for those who come by the way that can be cut."""


class SmallDisk(Places):
    """Places whose database is on a disk of its own."""

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.data / "disk" / "postgres"


@dataclass
class Rig:
    """Lead-routing as one API process and two workers, with pipeline and kpi listening to it."""

    places: Places
    ports: Ports
    database: Postgres
    broker: Kafka
    proxy: Proxy
    broker_proxy: Proxy
    stack: Stack = field(init=False)
    workers: list[Child] = field(default_factory=list)

    def sql(self, service: str) -> str:
        """A service's database, past the proxy, as its owner."""
        url = self.stack.members[service].database.owner_url
        return url.replace(f":{self.proxy.port}/", f":{self.database.port}/")

    @property
    def holder(self) -> Child:
        """The worker process that publishes lead-routing's facts."""
        sql = "select holder from log.leases where role = 'relay' and expires_at > clock_timestamp()"

        def found() -> list[Child]:
            holders = [str(row[0]) for row in rows(self.sql(OWNER), sql)]
            pids = {int(holder.rsplit("-", 2)[1]) for holder in holders}
            return [one for one in self.workers if one.running and one.process.pid in pids]

        until("a worker holds the relay", lambda: bool(found()), within_s=ENDS_WITHIN_S)
        return found()[0]

    def start_worker(self, failpoints: str = "") -> Child:
        """One more worker, which may be about to fail."""
        with _environment(self.stack, OWNER, {"SALESLOOM_FAILPOINTS": failpoints}):
            child = self.stack.start_worker(OWNER)
        self.workers = [one for one in self.workers if one.running] + [child]
        return child

    def start_api(self, failpoints: str = "") -> None:
        """The API process anew."""
        with _environment(self.stack, OWNER, {"SALESLOOM_FAILPOINTS": failpoints}):
            self.stack.start_again(OWNER, mode="api")

    def start_broker(self) -> None:
        """On the same data and port as before."""
        self.broker = _launch_broker(self.places, self.ports, self.broker_proxy)
        kafka.wait_ready(self.broker)

    def start_database(self) -> None:
        """On the same data and port as before."""
        until("PostgreSQL's processes are gone", lambda: not _backends(self.places.postgres), within_s=ENDS_WITHIN_S)
        self.database = _launch_database(self.places, self.ports)
        postgres.wait_ready(self.database)

    @property
    def disk(self) -> Path | None:
        """The small disk that PostgreSQL's data are on; None where none may be mounted."""
        return self.places.postgres.parent if self.places.postgres.parent.is_mount() else None


SETTINGS = {**THROW_AWAY_SETTINGS, "fsync": "on"}
"""A killed PostgreSQL must lose nothing that it said was there."""


@contextmanager
def rigged() -> Iterator[Rig]:
    """Everything started and ready; stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix=f"salesloom-{os.getpid()}-") as folder, ExitStack() as exits:
        places = SmallDisk(Path(folder)).make()
        exits.enter_context(_mounted(places.postgres.parent))
        database_port, broker_port, controller_port, cut_port = free_ports(4)
        ports = (database_port, broker_port, controller_port, cut_port)
        proxy, broker_proxy = Proxy(database_port), Proxy(cut_port)
        broker = _launch_broker(places, ports, broker_proxy)
        rig = Rig(places, ports, _launch_database(places, ports), broker, proxy, broker_proxy)
        exits.callback(_stop, rig)
        postgres.wait_ready(rig.database)
        kafka.wait_ready(broker)
        FileClock(places.clock).set(WEDNESDAY)
        names = (OWNER, *LISTENERS)
        numbers = iter(free_ports(2 * len(names) + 1))
        service_ports = {name: (next(numbers), next(numbers)) for name in names}
        dsn = rig.database.dsn().replace(f":{database_port}/", f":{proxy.port}/")
        with stack(places, dsn, broker.bootstrap, service_ports, next(numbers), print, prefix="f", services=names) as s:
            rig.stack = s
            s.stop(OWNER)
            _change(s, OWNER, {"SALESLOOM_KAFKA": f"{HOST}:{broker_proxy.port}"})
            s.start_again(OWNER, mode="api")
            rig.start_worker()
            rig.start_worker()
            s.clock.run()
            yield rig


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    """A small disk at `folder`, if this machine lets us."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0711", "tmpfs", str(folder)]
    with suppress(OSError):
        subprocess.run(command, check=False, capture_output=True)
    try:
        yield
    finally:
        if folder.is_mount():
            until(
                "the small disk is not used", lambda: subprocess.call(["umount", folder]) == 0, within_s=ENDS_WITHIN_S
            )


def _launch_broker(places: Places, ports: Ports, cut: Proxy) -> Kafka:
    """With one more listener, which is reached by the way that can be cut only."""
    _, port, controller_port, cut_port = ports
    listeners = f"PLAINTEXT://{HOST}:{port},CUT://{HOST}:{{}}"
    more = (
        f"listeners={listeners.format(cut_port)},CONTROLLER://{HOST}:{controller_port}\n"
        f"advertised.listeners={listeners.format(cut.port)}\n"
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CUT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    )
    return kafka.launch(
        places.kafka, port=port, controller_port=controller_port, logs=places.logs, pids=places.pids, more=more
    )


def _launch_database(places: Places, ports: Ports) -> Postgres:
    return postgres.launch(
        places.postgres,
        port=ports[0],
        password=places.secret("postgres"),
        logs=places.logs,
        pids=places.pids,
        settings=SETTINGS,
    )


def _change(running: Stack, service: str, more: Mapping[str, str]) -> None:
    """What is started of a service from now on has these settings."""
    member = running.members[service]
    running.members[service] = replace(member, environment={**member.environment, **more})


@contextmanager
def _environment(running: Stack, service: str, more: Mapping[str, str]) -> Iterator[None]:
    """Start something with more settings, which those after it do not have."""
    before = running.members[service].environment
    _change(running, service, more)
    try:
        yield
    finally:
        running.members[service] = replace(running.members[service], environment=before)


def _backends(folder: Path) -> list[int]:
    """The processes that still work on a PostgreSQL's data."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        if "postgres" in (process.info["name"] or "") and process.info["cwd"] == str(folder):
            found.append(process.pid)
    return found


def _stop(rig: Rig) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    for child in (rig.database.child, rig.broker.child):
        if child.running:
            child.process.send_signal(signal.SIGCONT)
        child.ask_to_stop()
    for child in (rig.database.child, rig.broker.child):
        child.gone_by(deadline)
    rig.proxy.close()
    rig.broker_proxy.close()


def known_to(rig: Rig, service: str, lead_id: str) -> bool:
    """True once a listener's log has a lead."""
    sql = "select exists (select from log.events where type = 'lead-captured.v1' and stream = $1)"
    return bool(value(rig.sql(service), sql, f"lead-routing/lead-{lead_id}"))

"""The product with everything that can be broken: servers of its own, a cuttable way to PostgreSQL, standby workers."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dev import kafka, postgres
from dev.kafka import Kafka
from dev.places import Places
from dev.ports import free_ports
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


@dataclass
class Rig:
    """Lead-routing as one API process and two workers, with pipeline and kpi listening to it."""

    places: Places
    ports: tuple[int, int, int]
    database: Postgres
    broker: Kafka
    proxy: Proxy
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
        places, (_, port, controller_port) = self.places, self.ports
        self.broker = kafka.launch(
            places.kafka, port=port, controller_port=controller_port, logs=places.logs, pids=places.pids
        )
        kafka.wait_ready(self.broker)

    def start_database(self) -> None:
        """On the same data and port as before."""
        places = self.places
        until("PostgreSQL's processes are gone", lambda: not _backends(places.postgres), within_s=ENDS_WITHIN_S)
        self.database = postgres.launch(
            places.postgres,
            port=self.ports[0],
            password=places.secret("postgres"),
            logs=places.logs,
            pids=places.pids,
            settings=SETTINGS,
        )
        postgres.wait_ready(self.database)

    def ended(self, child: Child) -> bool:
        """True once a process that is to fail has failed; it is reaped."""
        return not child.running


SETTINGS = {**THROW_AWAY_SETTINGS, "fsync": "on"}
"""A killed PostgreSQL must lose nothing that it said was there."""


@contextmanager
def rigged() -> Iterator[Rig]:
    """Everything started and ready; stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix=f"salesloom-{os.getpid()}-") as folder, ExitStack() as exits:
        places = Places(Path(folder)).make()
        ports = free_ports(3)
        broker = kafka.launch(places.kafka, port=ports[1], controller_port=ports[2], logs=places.logs, pids=places.pids)
        database = postgres.launch(
            places.postgres,
            port=ports[0],
            password=places.secret("postgres"),
            logs=places.logs,
            pids=places.pids,
            settings=SETTINGS,
        )
        rig = Rig(places, (ports[0], ports[1], ports[2]), database, broker, Proxy(ports[0]))
        exits.callback(_stop, rig)
        postgres.wait_ready(database)
        kafka.wait_ready(broker)
        FileClock(places.clock).set(WEDNESDAY)
        names = (OWNER, *LISTENERS)
        numbers = iter(free_ports(2 * len(names) + 1))
        service_ports = {name: (next(numbers), next(numbers)) for name in names}
        dsn = database.dsn().replace(f":{database.port}/", f":{rig.proxy.port}/")
        with stack(places, dsn, broker.bootstrap, service_ports, next(numbers), print, prefix="f", services=names) as s:
            rig.stack = s
            s.stop(OWNER)
            s.start_again(OWNER, mode="api")
            rig.start_worker()
            rig.start_worker()
            s.clock.run()
            yield rig


@contextmanager
def _environment(running: Stack, service: str, more: Mapping[str, str]) -> Iterator[None]:
    """Start something with more settings, which those after it do not have."""
    from dataclasses import replace

    before = running.members[service].environment
    running.members[service] = replace(running.members[service], environment={**before, **more})
    yield
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


def known_to(rig: Rig, service: str, lead_id: str) -> bool:
    """True once a listener's log has a lead."""
    sql = "select exists (select from log.events where type = 'lead-captured.v1' and stream = $1)"
    return bool(value(rig.sql(service), sql, f"lead-routing/lead-{lead_id}"))

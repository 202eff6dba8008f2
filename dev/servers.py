"""PostgreSQL and Kafka together, on one data folder that one process at a time may use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev import kafka, postgres
from dev.kafka import Kafka
from dev.places import Places
from dev.ports import free_ports, server_port, wanted
from dev.postgres import Postgres
from dev.processes import Child, Say, Trouble, sweep

STOP_WITHIN_S = 20.0
# A crash of the machine may lose a throw-away server, a crash of the server may not: no fsync is needed for that.
THROW_AWAY_SETTINGS = {"shared_buffers": "128MB", "max_wal_size": "1GB", "max_connections": "1000", "fsync": "off"}


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers; `begun` is the `time.monotonic()` instant at which they were started."""

    postgres: Postgres
    kafka: Kafka
    begun: float


@contextmanager
def only_one(places: Places, say: Say) -> Iterator[None]:
    """Hold the data folder for this process, and end what a killed run left there. Raises Trouble when it is in use."""
    with (places.data / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            words = f"a stack already runs on {places.data} (process {holder}): stop it with Ctrl-C there, or use it"
            raise Trouble(words) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        left = sweep(places.pids)
        if left:
            say(f"ended what an earlier run had left: {', '.join(left)}")
        yield


@contextmanager
def starting(places: Places, say: Say) -> Iterator[Servers]:
    """As `running`, yielded as soon as PostgreSQL answers; `wait_for_kafka` tells when the slower Kafka does."""
    usual = (wanted("postgres", 15432), wanted("kafka", 19092), wanted("kafka controller", 19093))
    with _started(places, [server_port(port, say) for port in usual], {}, "", say) as servers:
        yield servers


@contextmanager
def running(places: Places, say: Say) -> Iterator[Servers]:
    """The development servers on their usual ports, or on free ones where those are taken; stopped at the end."""
    with starting(places, say) as servers:
        wait_for_kafka(servers, say)
        yield servers


def wait_for_kafka(servers: Servers, say: Say) -> None:
    """Return when Kafka answers; raise Trouble with its last words if it ends first."""
    kafka.wait_ready(servers.kafka)
    say(f"Apache Kafka 4.3 ready on {servers.kafka.bootstrap} ({time.monotonic() - servers.begun:.1f} s)")


@contextmanager
def throw_away(say: Say, settings: Mapping[str, str] = THROW_AWAY_SETTINGS) -> Iterator[Servers]:
    """Servers on random ports with data in a temporary folder that is removed at the end, for tests."""
    # What a killed test run left behind is swept here, because nobody comes back to a temporary folder.
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"salesloom-{os.getpid()}-"))
    try:
        places = Places(folder).make()
        with _started(places, free_ports(3), settings, kafka.NEVER_AGAIN, say) as servers:
            wait_for_kafka(servers, say)
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned() -> None:
    """End the servers and remove the temporary folders of processes that are gone."""
    for folder in Path(tempfile.gettempdir()).glob("salesloom-*-*"):
        owner = folder.name.split("-")[1]
        with contextlib.suppress(FileNotFoundError):  # another run removes it at this moment
            if owner.isdigit() and folder.stat().st_uid == os.getuid() and not psutil.pid_exists(int(owner)):
                sweep(Places(folder).pids)
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(
    places: Places, ports: Sequence[int], settings: Mapping[str, str], more: str, say: Say
) -> Iterator[Servers]:
    """Start both at once, yield them when PostgreSQL answers, stop both at once.

    `ports`: PostgreSQL's, Kafka's, Kafka's controller's; `settings` are PostgreSQL's, `more` are properties of Kafka.
    """
    started: list[Child] = []
    with ExitStack() as stack:
        stack.callback(_stop, started)
        begun = time.monotonic()
        broker = kafka.launch(
            places.kafka,
            port=ports[1],
            controller_port=ports[2],
            logs=places.logs,
            pids=places.pids,
            more=more,
            say=say,
        )
        started.append(broker.child)
        database = postgres.launch(
            places.postgres,
            port=ports[0],
            password=places.secret("postgres"),
            logs=places.logs,
            pids=places.pids,
            settings=settings,
        )
        started.append(database.child)
        postgres.wait_ready(database)
        say(f"PostgreSQL 18 ready on 127.0.0.1:{database.port} ({time.monotonic() - begun:.1f} s)")
        yield Servers(database, broker, begun)


def _stop(children: list[Child]) -> None:
    """Ask all to stop, wait for all, kill what is left after 20 s."""
    deadline = time.monotonic() + STOP_WITHIN_S
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.gone_by(deadline)

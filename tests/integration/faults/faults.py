"""The faults: each is really done, lasts for a moment, and is over when it returns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import Producer

from dev.processes import until
from libs.events.tests.strangers import send_strangers
from tests.integration.databases import rows
from tests.integration.faults.checker import is_fact
from tests.integration.faults.rig import OWNER, Rig
from tests.integration.topics import read_topic

Fault = Callable[[Rig], None]
PAUSED_S, CUT_S, FULL_S = 3.0, 4.0, 3.0
TAKEN_OVER_WITHIN_S = 30.0
FAILS_WITHIN_S = 20.0
REPEATED, FILLED_AT_ONCE, OUT_OF_SPACE = 60, 4096, b"No space left on device"


@dataclass(slots=True)
class Away:
    """How long the broker is gone; minutes in longer runs."""

    seconds: float = 8.0


AWAY = Away()


def kill_api(rig: Rig) -> None:
    """SIGKILL to the API process."""
    rig.stack.kill(OWNER)
    rig.start_api()


def kill_worker(rig: Rig) -> None:
    """SIGKILL to the worker that holds the relay; the other one takes over."""
    child = rig.holder
    child.process.kill()
    child.process.wait()
    rig.start_worker()


def pause_worker(rig: Rig) -> None:
    """SIGSTOP to the worker that holds the leases until they are another's, then SIGCONT."""
    child = rig.holder
    os.kill(child.process.pid, signal.SIGSTOP)
    try:
        until("another worker holds the relay", lambda: rig.holder is not child, within_s=TAKEN_OVER_WITHIN_S)
    finally:
        os.kill(child.process.pid, signal.SIGCONT)


def pause_api(rig: Rig) -> None:
    """SIGSTOP and SIGCONT to the API process."""
    pid = rig.stack.members[OWNER].own.process.pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(PAUSED_S)
    os.kill(pid, signal.SIGCONT)


def kill_broker(rig: Rig) -> None:
    """SIGKILL to Kafka."""
    rig.broker.child.process.kill()
    rig.broker.child.process.wait()
    rig.start_broker()


def broker_away(rig: Rig) -> None:
    """Kafka is gone for a while; the load goes on."""
    rig.broker.child.process.kill()
    rig.broker.child.process.wait()
    time.sleep(AWAY.seconds)
    rig.start_broker()


def kill_database(rig: Rig) -> None:
    """SIGKILL to PostgreSQL, whose processes end with it."""
    rig.database.child.process.kill()
    rig.database.child.process.wait()
    rig.start_database()


def terminate_backends(rig: Rig) -> None:
    """Every connection of lead-routing is ended by the server, three times."""
    name = rig.stack.members[OWNER].database.name
    for _ in range(3):
        rows(rig.database.dsn(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        time.sleep(0.5)


def black_hole(rig: Rig) -> None:
    """Nothing gets through to PostgreSQL or back; connections stay up."""
    rig.proxy.cut("black hole")
    time.sleep(CUT_S)
    rig.proxy.heal()


def lost_answers(rig: Rig) -> None:
    """PostgreSQL gets everything and does it, its answers are lost."""
    rig.proxy.cut("no answers")
    time.sleep(CUT_S)
    rig.proxy.heal()


def refused_connections(rig: Rig) -> None:
    """Connections to PostgreSQL are reset."""
    rig.proxy.cut("refused")
    time.sleep(CUT_S / 2)
    rig.proxy.heal()


def broker_black_hole(rig: Rig) -> None:
    """Nothing gets through from lead-routing to Kafka or back; connections stay up."""
    rig.broker_proxy.cut("black hole")
    time.sleep(CUT_S)
    rig.broker_proxy.heal()


def broker_lost_answers(rig: Rig) -> None:
    """Kafka gets everything that lead-routing sends and keeps it, its answers are lost."""
    rig.broker_proxy.cut("no answers")
    time.sleep(CUT_S)
    rig.broker_proxy.heal()


def strangers(rig: Rig) -> None:
    """Sixteen kinds of records that are no facts on every partition of the log, then another worker."""
    asyncio.run(send_strangers(rig.broker.bootstrap, f"{rig.stack.prefix}{OWNER}.log.v1"))
    kill_worker(rig)


def repeated(rig: Rig) -> None:
    """Facts from all of history on their partitions again, one to five times each in any order, then another worker."""
    topic = f"{rig.stack.prefix}{OWNER}.log.v1"
    dice = random.Random(REPEATED)  # the same of the same history: a failing seed is run again
    records = list(filter(is_fact, read_topic(rig.broker.bootstrap, topic)))
    chosen = dice.sample(records, min(len(records), REPEATED))
    again = [one for one in chosen for _ in range(dice.randint(1, 5))]
    dice.shuffle(again)
    producer = Producer({"bootstrap.servers": rig.broker.bootstrap})
    for one in again:
        producer.produce(topic, one.value, one.key, one.partition, headers=list(one.headers.items()))
    assert producer.flush(20) == 0
    kill_worker(rig)


def full_disk(rig: Rig) -> None:
    """Not a byte is left where PostgreSQL writes, until something fails for it; then there is room again."""
    if rig.disk is None:
        return  # no disk may be mounted here
    filler, log = rig.disk / "filler", rig.database.child.log
    before = log.stat().st_size
    try:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(FILLED_AT_ONCE))
        until("PostgreSQL is out of space", lambda: OUT_OF_SPACE in log.read_bytes()[before:], within_s=FAILS_WITHIN_S)
        time.sleep(FULL_S)
    finally:
        filler.unlink(missing_ok=True)
    if not rig.database.child.running:
        rig.start_database()


def _crash_worker(point: str) -> Fault:
    def fault(rig: Rig) -> None:
        for child in [one for one in rig.workers if one.running]:
            child.ask_to_stop()
            child.gone_by(time.monotonic() + FAILS_WITHIN_S)
        child = rig.start_worker(f"{point}=crash@3")
        _wait_for_the_crash(child.process.poll, point)
        rig.start_worker()
        rig.start_worker()

    fault.__doc__ = f"The worker ends itself at {point}."
    return fault


def _crash_api(point: str) -> Fault:
    def fault(rig: Rig) -> None:
        rig.stack.stop(OWNER)
        rig.start_api(f"{point}=crash@3")
        _wait_for_the_crash(rig.stack.members[OWNER].own.process.poll, point)
        rig.start_api()

    fault.__doc__ = f"The API process ends itself at {point}."
    return fault


def _wait_for_the_crash(poll: Callable[[], int | None], point: str) -> None:
    deadline = time.monotonic() + FAILS_WITHIN_S
    while (code := poll()) is None:
        assert time.monotonic() < deadline, f"nothing came by {point}"
        time.sleep(0.05)
    assert code == 137, f"it ended with {code} before {point}"


FAULTS: Mapping[str, Fault] = {
    "kill api": kill_api,
    "kill worker": kill_worker,
    "pause worker": pause_worker,
    "pause api": pause_api,
    "kill broker": kill_broker,
    "broker away": broker_away,
    "kill database": kill_database,
    "terminate backends": terminate_backends,
    "black hole": black_hole,
    "lost answers": lost_answers,
    "refused connections": refused_connections,
    "broker black hole": broker_black_hole,
    "broker lost answers": broker_lost_answers,
    "strangers": strangers,
    "repeated": repeated,
    "full disk": full_disk,
    "crash before append": _crash_api("append.before"),
    "crash after commit": _crash_api("append.committed"),
    "crash after send": _crash_worker("relay.sent"),
}

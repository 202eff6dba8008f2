"""Commands over HTTP: how many, how quick at half of that, how soon others see them, what five times that does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from uuid_utils.compat import uuid7

from bench.frame import Figure, Ground, against, at_most, percentile
from bench.wire import Connection, Taken, closed_loop, open_loop, prepared
from dev.clients import Clients
from dev.ports import free_ports
from dev.processes import Child, until
from dev.stack import Stack, answers_well
from dev.timeline import Timeline
from tests.integration.organisations import CONNECTOR, SUN, build_organisation
from tests.product import started

AT_ONCE, CALM_A_SECOND, VISIBLE_A_SECOND, OVERLOAD = 24, 20, 50, 5


async def figures(ground: Ground) -> list[Figure]:
    """On lead-routing, its API and its worker as processes of their own, with alerting listening."""
    dsn = ground.servers.postgres.dsn()
    with started(dsn, ground.kafka, "lead-routing", "alerting") as running, Clients(running) as clients:
        worker = await asyncio.to_thread(_apart, running, clients)
        make = _maker(clients)
        url, count = running.url("lead-routing"), ground.scale.commands
        await closed_loop(url, map(make, range(count // 20)), AT_ONCE)
        await asyncio.to_thread(_drained, running)
        calm = await _visible(ground, running, clients, make, CALM_A_SECOND)
        busy = await _visible(ground, running, clients, make, VISIBLE_A_SECOND)
        worker.ask_to_stop()  # the API is measured alone: in production a worker has processors of its own
        await asyncio.to_thread(worker.process.wait)
        with _bare(ground) as bare:
            ours, theirs = [], []
            for _ in range(ground.scale.repeats):
                ours.append(await _speed(url, make, count))
                theirs.append(await _speed(bare, _bare_request, count))
        best, baseline = sorted(ours)[len(ours) // 2], sorted(theirs)[len(theirs) // 2]
        seconds = ground.scale.seconds
        half = await open_loop(url, make, best / 2, seconds)
        found = [
            against("POST a lead, of a bare endpoint with one INSERT", best, baseline, "requests/s", 0.7),
            at_most(f"POST a lead at {best / 2:.0f}/s, p99", 1000 * _p99(half), "ms", 30),
        ]
        found += [
            Figure(f"command to visible in another service at {CALM_A_SECOND}/s, p50", round(_half(calm), 1), "ms"),
            at_most(f"command to visible in another service at {VISIBLE_A_SECOND}/s, p50", _half(busy), "ms", 25),
            at_most(
                f"command to visible in another service at {VISIBLE_A_SECOND}/s, p99",
                1000 * percentile(busy, 0.99),
                "ms",
                150,
            ),
        ]
        found += await _overloaded(url, make, best, 3 * seconds, _p99(half))
    return found


def _apart(running: Stack, clients: Clients) -> Child:
    """The worker in a process of its own."""
    build_organisation(clients)
    running.stop("lead-routing")
    running.start_again("lead-routing", mode="api")
    return running.start_worker("lead-routing")


def _drained(running: Stack) -> None:
    """Everything that was captured is routed and folded everywhere: only then is the next figure its own."""
    timeline = Timeline(running)
    timeline.drain()
    timeline.close()


def _maker(clients: Clients) -> Callable[[int], bytes]:
    token = clients.token(CONNECTOR)

    def make(_number: int) -> bytes:
        key = str(uuid7())
        body = {"source": {"channel": "form", "external_id": key}, "company": f"Suzhou Precision {key[-6:]}"}
        return prepared("POST", "/v1/leads", {"Authorization": f"Bearer {token}", "Idempotency-Key": key}, body)

    return make


def _bare_request(_number: int) -> bytes:
    body = {"source": {"channel": "form", "external_id": str(uuid7())}, "company": "Suzhou Precision"}
    return prepared("POST", "/leads", {}, body)


@contextmanager
def _bare(ground: Ground) -> Iterator[str]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench.bare", ground.servers.postgres.dsn(), str(port)]
    process = subprocess.Popen(command)
    try:
        until("the bare endpoint answers", lambda: answers_well(f"http://127.0.0.1:{port}/openapi.json"), within_s=20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def _speed(url: str, make: Callable[[int], bytes], count: int) -> float:
    taken = await closed_loop(url, map(make, range(count)), AT_ONCE)
    assert len(taken.of(201)) == count, taken.answers[0]
    return count / taken.seconds


def _p99(taken: Taken) -> float:
    return percentile([one.seconds for one in taken.of(201)], 0.99)


def _half(seconds: Sequence[float]) -> float:
    """The median in milliseconds."""
    return 1000 * percentile(seconds, 0.5)


async def _visible(
    ground: Ground, running: Stack, clients: Clients, make: Callable[[int], bytes], a_second: int
) -> list[float]:
    """Seconds until alerting, asked with the answer's token, has folded a captured lead; so many leads a second."""
    token, took = clients.token(SUN), list[float]()
    tasks: list[asyncio.Task[None]] = []

    async def one(number: int) -> None:
        begun = time.perf_counter()
        capture, ask = Connection(running.url("lead-routing")), Connection(running.url("alerting"))
        answer = await capture.send(make(number))
        headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=5"}
        headers["Consistency-Token"] = answer.headers["consistency-token"]
        seen = await ask.send(prepared("GET", "/v1/alerts?limit=1", headers))
        assert seen.status == 200, seen.body
        took.append(time.perf_counter() - begun)
        await capture.close()
        await ask.close()

    begun = time.perf_counter()
    for number in range(int(a_second * ground.scale.seconds)):
        await asyncio.sleep(max(0.0, begun + number / a_second - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return took


async def _overloaded(
    url: str, make: Callable[[int], bytes], capacity: float, seconds: float, p99: float
) -> list[Figure]:
    taken = await open_loop(url, make, OVERLOAD * capacity, seconds)
    served, shed = taken.of(201), taken.of(429, 503)
    assert all("retry-after" in one.headers for one in shed)
    others = len(taken.answers) - len(served) - len(shed)
    assert others == 0, f"{others} answers are neither taken nor told to come again"
    return [
        against(
            f"taken at {OVERLOAD} times the capacity, of the capacity",
            len(served) / taken.seconds,
            capacity,
            "requests/s",
            0.7,
        ),
        Figure(
            f"told to come again at {OVERLOAD} times the capacity", round(100 * len(shed) / len(taken.answers), 1), "%"
        ),
        against_p99("p99 of what was taken meanwhile, of p99 at half the capacity", _p99(taken), p99),
    ]


def against_p99(name: str, value: float, baseline: float) -> Figure:
    """Of latencies, smaller is better."""
    ratio = value / baseline
    return Figure(name, round(1000 * value, 1), "ms", round(1000 * baseline, 1), round(ratio, 2), "≤ 3", ratio <= 3)

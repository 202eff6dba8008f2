"""What every benchmark stands on: servers, figures with their baselines, repetition."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from dev.provision import Database
from dev.servers import THROW_AWAY_SETTINGS, Servers, throw_away

TENANT = "benchtenant"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: `facts` are read through, `stored` is the history that must not slow anything down."""

    facts: int
    stored: int
    commands: int
    seconds: float
    repeats: int


TINY = Scale(2_000, 4_000, 300, 0.5, 1)
USUAL = Scale(60_000, 200_000, 4_000, 5.0, 3)
FULL = Scale(200_000, 1_000_000, 10_000, 20.0, 5)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `ratio` = value / baseline; `goal` in words; `met` None where there is none."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None

    def line(self) -> dict[str, Any]:
        """As it is printed."""
        return asdict(self)


def against(name: str, value: float, baseline: float, unit: str, at_least: float) -> Figure:
    """A figure whose goal is a share of its baseline."""
    ratio = value / baseline
    return Figure(name, round(value, 1), unit, round(baseline, 1), round(ratio, 2), f"≥ {at_least}", ratio >= at_least)


def at_least(name: str, value: float, unit: str, goal: float) -> Figure:
    """A figure whose goal is absolute."""
    return Figure(name, round(value, 1), unit, goal=f"≥ {goal:,.0f}", met=value >= goal)


def at_most(name: str, value: float, unit: str, goal: float) -> Figure:
    """A figure that should be small."""
    return Figure(name, round(value, 1), unit, goal=f"≤ {goal:,.0f}", met=value <= goal)


@dataclass(frozen=True, slots=True)
class Ground:
    """Servers with fsync on, and fresh databases of services."""

    servers: Servers
    database: Callable[[str], Database]
    scale: Scale

    @property
    def kafka(self) -> str:
        """The broker's address."""
        return self.servers.kafka.bootstrap


@contextmanager
def ground(scale: Scale) -> Iterator[Ground]:
    """Started, and removed at the end. What is measured must be durable, so fsync is on."""
    from tests.databases import databases

    durable = {**THROW_AWAY_SETTINGS, "fsync": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
    with throw_away(print, durable) as servers, databases(servers.postgres.dsn(), ours=True) as database:
        yield Ground(servers, database, scale)


async def alternately(
    repeats: int, ours: Callable[[], Awaitable[float]], baseline: Callable[[], Awaitable[float]]
) -> tuple[float, float]:
    """The medians of both, measured in turns, so that a busy moment of the machine hits both."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        found[0].append(await ours())
        found[1].append(await baseline())
    return statistics.median(found[0]), statistics.median(found[1])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def rate(count: int, work: Callable[[], Awaitable[object]]) -> float:
    """So many a second."""
    begun = time.perf_counter()
    await work()
    return count / (time.perf_counter() - begun)

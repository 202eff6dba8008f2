"""What is remembered of read models: asked again when it may have changed, and nobody waits for the clock alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from libs.events.reading import Reader
from libs.events.waking import Wake
from libs.rules import remembering
from libs.rules.remembering import Remembered


@dataclass
class Source:
    """A read model that answers when it is let, and counts how often it is asked."""

    version: int = 1
    asked: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def seen(self, wake: Wake) -> tuple[int, int]:
        """As a marker of the read model `rules:1`."""
        return wake.waits, wake.changes["rules:1"]

    async def ask(self, _reader: Reader) -> int:
        """Its version."""
        self.asked += 1
        await self.open.wait()
        return self.version

    async def load(self, _reader: Reader) -> str:
        """What it holds."""
        return f"version {self.version}"


class Clock:
    """Goes on when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """As `time` has it."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of what is remembered."""
    found = Clock()
    monkeypatch.setattr(remembering, "time", found)
    return found


def remembered(source: Source) -> tuple[Remembered[str], Reader]:
    """What remembers it, and a reader."""
    given: Any = source
    nothing: Any = None
    return Remembered(given, source.load), Reader(nothing, "testtenant", Wake())


async def test_within_a_moment_it_is_answered_from_memory_and_asked_beside(clock: Clock) -> None:
    """A request that comes after 100 ms does not wait, one that comes after 300 ms does; both see what is new soon."""
    source = Source()
    known, reader = remembered(source)
    assert await known(reader) == await known(reader) == "version 1"
    assert source.asked == 1
    source.version = 2
    source.open.clear()
    clock.now += 0.2
    async with asyncio.timeout(5):
        assert [await known(reader) for _ in range(3)] == ["version 1"] * 3
        await asyncio.sleep(0)
        source.open.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert await known(reader) == "version 2"
    assert source.asked == 2
    source.version = 3
    clock.now += 0.5
    assert await known(reader) == "version 3"


async def test_what_was_folded_here_or_waited_for_is_seen_at_once(clock: Clock) -> None:
    """Facts of another read model change nothing; those of this one, and a caller's own wait, are asked for."""
    source = Source()
    known, reader = remembered(source)
    assert await known(reader) == "version 1"
    source.version = 2
    reader.wake.changes["leads:1"] += 1
    reader.wake()
    assert await known(reader) == "version 1"
    reader.wake.changes["rules:1"] += 1
    assert await known(reader) == "version 2"
    source.version = 3
    reader.wake.waits += 1
    assert await known(reader) == "version 3"
    assert source.asked == 3


async def test_one_who_cannot_be_answered_beside_is_told_when_it_matters(clock: Clock) -> None:
    """A failure beside is nobody's; the next one who has to wait gets it."""
    source = Source()
    known, reader = remembered(source)
    await known(reader)

    async def fail(_reader: Reader) -> int:
        raise ConnectionError

    source.ask = fail  # type: ignore[method-assign]
    clock.now += 0.2
    assert await known(reader) == "version 1"
    await asyncio.sleep(0)
    clock.now += 0.2
    with pytest.raises(ConnectionError):
        await known(reader)

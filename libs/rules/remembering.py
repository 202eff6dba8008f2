"""Values read from read models and kept in the process until a cheap question says that something has changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from libs.events.projecting import Projection
from libs.events.reading import Reader
from libs.events.waking import Wake

FRESH_SECONDS, USABLE_SECONDS = 0.1, 0.3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Marker:
    """One value of a read model that is another one whenever facts were folded."""

    projection: Projection
    sql: str
    values: tuple[Any, ...]

    async def ask(self, reader: Reader) -> Any:
        """The value as it is now."""
        return await reader(self.projection).value(self.sql, *self.values)

    def seen(self, wake: Wake) -> tuple[int, int]:
        """Another one once this process has folded facts into the read model, or waited for some."""
        return wake.waits, wake.changes[self.projection.wanted]


def marker_of(projection: Projection, sql: str, *values: Any) -> Marker:
    """Asks a read model for one value that is another one whenever facts were folded."""
    return Marker(projection, sql, values)


@dataclass(slots=True)
class _Known(Generic[T]):
    """What is remembered of one tenant: the marker and value, when and after what it was asked for."""

    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None
    marker: Any = None
    asked: float = float("-inf")
    seen: tuple[int, int] | None = None


class Remembered(Generic[T]):
    """`await remembered(reader)`: what `load` read of the reader's tenant, read again once the marker has changed.

    The marker is asked at most every 100 ms, and at once when facts were folded into its read model, or waited for, in
    this process; it is asked before the value is read, so a value is never older than its marker. Callers at the same
    time ask once. One who comes within 300 ms is answered from memory while it is asked beside: nobody waits every
    100 ms because of the clock. Databases are told apart (a test may run several services in one process).
    """

    def __init__(self, marker: Marker, load: Callable[[Reader], Awaitable[T]]) -> None:
        self._marker = marker
        self._load = load
        self._known: WeakKeyDictionary[Wake, dict[str, _Known[T]]] = WeakKeyDictionary()
        self._beside: set[asyncio.Task[None]] = set()

    async def __call__(self, reader: Reader) -> T:
        """The value as it is now."""
        known = self._known.setdefault(reader.wake, {}).setdefault(reader.tenant, _Known())
        if not self._holds(known, reader, USABLE_SECONDS):
            await self._renew(known, reader, USABLE_SECONDS)
        elif not self._holds(known, reader, FRESH_SECONDS) and not known.asking.locked():
            task = asyncio.create_task(self._renew_beside(known, replace(reader, seen={})), name="remember")
            self._beside.add(task)
            task.add_done_callback(self._beside.discard)
        return cast("T", known.value)

    def _holds(self, known: _Known[T], reader: Reader, seconds: float) -> bool:
        return known.seen == self._marker.seen(reader.wake) and time.monotonic() - known.asked < seconds

    async def _renew(self, known: _Known[T], reader: Reader, seconds: float) -> None:
        async with known.asking:
            if not self._holds(known, reader, seconds):
                await self._ask(known, reader)

    async def _renew_beside(self, known: _Known[T], reader: Reader) -> None:
        with contextlib.suppress(Exception):  # whoever comes later than 300 ms asks again, and is told
            await self._renew(known, reader, FRESH_SECONDS)

    async def _ask(self, known: _Known[T], reader: Reader) -> None:
        seen, asked = self._marker.seen(reader.wake), time.monotonic()
        marker = await self._marker.ask(reader)
        if known.seen is None or marker != known.marker:
            known.value = await self._load(reader)
            known.marker = marker
        known.seen, known.asked = seen, asked

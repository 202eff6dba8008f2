"""Values read from read models and kept in the process until a cheap question says that something has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from libs.events.projecting import Projection
from libs.events.reading import Reader
from libs.events.waking import Wake

FRESH_SECONDS = 0.1

T = TypeVar("T")
Marker = Callable[[Reader], Awaitable[Any]]


def marker_of(projection: Projection, sql: str, *values: Any) -> Marker:
    """Asks a read model for one value that is another one whenever facts were folded."""

    async def ask(reader: Reader) -> Any:
        return await reader(projection).value(sql, *values)

    return ask


@dataclass(slots=True)
class _Known(Generic[T]):
    """What is remembered of one tenant: the marker and value, when and after how many folds it was asked for."""

    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None
    marker: Any = None
    asked: float = float("-inf")
    folds: int = -1


class Remembered(Generic[T]):
    """`await remembered(reader)`: what `load` read of the reader's tenant, read again once the marker has changed.

    The marker is asked at most every 100 ms, and at once when a read model was folded, or waited for, in this process;
    it is asked before the value is read, so a value is never older than its marker. Callers at the same time ask once.
    Databases are told apart (a test may run several services in one process).
    """

    def __init__(self, marker: Marker, load: Callable[[Reader], Awaitable[T]]) -> None:
        self._marker = marker
        self._load = load
        self._known: WeakKeyDictionary[Wake, dict[str, _Known[T]]] = WeakKeyDictionary()

    async def __call__(self, reader: Reader) -> T:
        """The value as it is now."""
        known = self._known.setdefault(reader.wake, {}).setdefault(reader.tenant, _Known())
        if not self._fresh(known, reader):
            async with known.asking:
                if not self._fresh(known, reader):
                    await self._ask(known, reader)
        return cast("T", known.value)

    def _fresh(self, known: _Known[T], reader: Reader) -> bool:
        return known.folds == reader.wake.calls and time.monotonic() - known.asked < FRESH_SECONDS

    async def _ask(self, known: _Known[T], reader: Reader) -> None:
        folds, asked = reader.wake.calls, time.monotonic()
        marker = await self._marker(reader)
        if known.folds < 0 or marker != known.marker:
            known.value = await self._load(reader)
            known.marker = marker
        known.folds, known.asked = folds, asked

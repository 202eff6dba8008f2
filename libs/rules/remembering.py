"""Values read from read models and kept in the process until a cheap question says that something has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from libs.events.projecting import Projection
from libs.events.reading import Reader
from libs.events.waking import Wake

T = TypeVar("T")
Marker = Callable[[Reader], Awaitable[Any]]


def marker_of(projection: Projection, sql: str, *values: Any) -> Marker:
    """Asks a read model for one value that is another one whenever facts were folded."""

    async def ask(reader: Reader) -> Any:
        return await reader(projection).value(sql, *values)

    return ask


class Remembered(Generic[T]):
    """`await remembered(reader)`: what `load` read of the reader's tenant, read again once the marker has changed.

    The marker is asked every time, before the value is read, so a value is never older than its marker. Databases are
    told apart (a test may run several services in one process).
    """

    def __init__(self, marker: Marker, load: Callable[[Reader], Awaitable[T]]) -> None:
        self._marker = marker
        self._load = load
        self._known: WeakKeyDictionary[Wake, dict[str, tuple[Any, T]]] = WeakKeyDictionary()

    async def __call__(self, reader: Reader) -> T:
        """The value as it is now."""
        known = self._known.setdefault(reader.wake, {})
        marker = await self._marker(reader)
        if reader.tenant in known and known[reader.tenant][0] == marker:
            return known[reader.tenant][1]
        value = await self._load(reader)
        known[reader.tenant] = (marker, value)
        return value

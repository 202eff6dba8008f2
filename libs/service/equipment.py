"""What the requests of one process stand on; made once at start and handed to the application."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
from starlette.requests import HTTPConnection

from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.log import Log
from libs.events.running import Runner
from libs.events.waking import Wake
from libs.service.service import Service
from libs.service.settings import Settings

if TYPE_CHECKING:
    from libs.service.auth import Authority
    from libs.service.objects import Objects

CURSORS_SECONDS = 0.05


@dataclass(slots=True)
class Equipment:
    """Connections and keys of one API process.

    `draining` is set once, when it begins to stop; `streams` counts the connections that follow changes.
    """

    service: Service
    settings: Settings
    clock: Clock
    log: Log
    wake: Wake
    runner: Runner
    authority: Authority
    objects: Objects
    streams: int = 0
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    _cursors: tuple[float, dict[str, int]] = (float("-inf"), {})
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def pool(self) -> asyncpg.Pool:
        """Connections of the api role."""
        return self.log.pool

    async def cursors(self, max_age: float = CURSORS_SECONDS) -> dict[str, int]:
        """How far the serving build of each read model (`name:version`) has folded; asked once for all in `max_age`."""
        async with self._asking:
            if time.monotonic() - self._cursors[0] > max_age:
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    rows = await connection.fetch(
                        "select projection || ':' || version as wanted, cursor from log.builds where state = 'serving'"
                    )
                self._cursors = (time.monotonic(), {row["wanted"]: row["cursor"] for row in rows})
            return self._cursors[1]


def equipment(request: HTTPConnection) -> Equipment:
    """The equipment of the application that serves this request."""
    found: Equipment = request.app.state.equipment
    return found

"""Waking whoever waits for the log to grow, and watching where it ends."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from libs.events.connections import ACQUIRE_SECONDS


class Wake:
    """Wakes whoever waits in this process for the log to grow."""

    def __init__(self) -> None:
        self.calls = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        """The log has grown; `calls` counts how often."""
        self.calls += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for growth, at most `seconds`; True if woken."""
        event = self._event
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Head:
    """Where the log ends, watched for all readers of a process: one look at the database serves them all."""

    ACTIVE_SECONDS = 0.005
    IDLE_SECONDS = 0.05

    def __init__(self, pool: asyncpg.Pool, wake: Wake) -> None:
        self._pool = pool
        self._wake = wake
        self._grown = Wake()
        self._seq = 0

    async def watch(self) -> None:
        """Look whenever somebody in this process says so, and every 5 to 50 ms; until cancelled."""
        pause = self.ACTIVE_SECONDS
        while True:
            grown = False
            try:
                grown = await self._look()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pause = 0.5
            pause = self.ACTIVE_SECONDS if grown else min(self.IDLE_SECONDS, pause * 1.3)
            await self._wake.wait(pause)

    async def _look(self) -> bool:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            seq: int = await connection.fetchval("select seq from log.head()")
        grown = seq > self._seq
        self._seq = seq
        if grown:
            self._grown()
        return grown

    async def now(self) -> int:
        """The last position seen."""
        if self._seq == 0:
            await self._look()
        return self._seq

    async def beyond(self, seq: int, seconds: float) -> int:
        """The head, once it is beyond `seq`, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while self._seq <= seq and (left := deadline - time.monotonic()) > 0:
            await self._grown.wait(left)
        return self._seq

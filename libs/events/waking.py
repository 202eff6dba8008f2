"""Waking whoever waits for the log to grow, and watching where it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence

import asyncpg

from libs.events.connections import ACQUIRE_SECONDS
from libs.events.facts import read_as

CHANNEL = "log_grown"
AGAIN_SECONDS, APART_SECONDS = 1.0, 0.003


class Wake:
    """Wakes whoever waits in this process for the log, or for read models, to grow.

    `changes` counts how often each read model (`name:version`) took facts in here, `waits` how often a caller waited
    for what it had seen: what is remembered of read models may be older than that.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.waits = 0
        self.changes: Counter[str] = Counter()
        self._event = asyncio.Event()

    def __call__(self) -> None:
        """The log has grown; `calls` counts how often."""
        self.calls += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for growth, at most `seconds`; True if woken.

        Being cancelled and woken at once ends it as cancelled (`asyncio.wait_for` of Python 3.11 would go on).
        """
        event = self._event
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
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
        self.grown = Wake()
        self._seq = 0
        self._known_after = 0
        self._last: dict[str, int] = {}

    async def watch(self) -> None:
        """Look whenever a process says so, and every 5 to 50 ms; until cancelled."""
        listening = asyncio.create_task(self._listen(), name="listen")
        pause, seen = self.ACTIVE_SECONDS, -1
        try:
            while True:
                if self._wake.calls == seen:
                    await self._wake.wait(pause)
                seen, grown = self._wake.calls, False
                try:
                    grown = await self._look()
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    pause, seen = 0.5, self._wake.calls
                else:
                    pause = self.ACTIVE_SECONDS if grown else min(self.IDLE_SECONDS, pause * 1.3)
                await asyncio.sleep(APART_SECONDS)  # what comes meanwhile is seen by the same look
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        """Be woken by other processes that append; without a connection for it, looking now and then is enough."""
        closed = asyncio.Event()

        def told(*_: object) -> None:
            self._wake()

        def gone(*_: object) -> None:
            closed.set()

        while True:
            closed.clear()
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    connection.add_termination_listener(gone)
                    await connection.add_listener(CHANNEL, told)
                    try:
                        await closed.wait()
                    finally:
                        connection.remove_termination_listener(gone)
                        if not connection.is_closed():
                            await connection.remove_listener(CHANNEL, told)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _look(self) -> bool:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch("select head, type, last from log.grown($1)", self._seq)
        seq: int = rows[0]["head"]
        before = self._seq
        if before == 0 or seq < before:  # the first look, or another database than before
            self._known_after, self._last = seq, {}
        else:
            self._last.update({row["type"]: row["last"] for row in rows if row["type"] is not None})
        self._seq = seq
        if seq > before:
            self.grown()
        return seq > before

    def has(self, wires: Sequence[str], after: int) -> bool:
        """Whether there may be facts of these wire names, or of other versions of them, beyond a position."""
        if after < self._known_after:
            return True
        return any(self._last.get(name, 0) > after for name in read_as(wires))

    async def now(self) -> int:
        """The last position seen."""
        if self._seq == 0:
            await self._look()
        return self._seq

    async def beyond(self, seq: int, seconds: float) -> int:
        """The head, once it is beyond `seq`, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while self._seq <= seq and (left := deadline - time.monotonic()) > 0:
            await self.grown.wait(left)
        return self._seq


async def tell_others(pool: asyncpg.Pool, wake: Wake) -> None:
    """Tell the other processes of a service, after a commit and beside it, that its log has grown; until cancelled.

    A NOTIFY inside the transaction of an append would cost half of its speed.
    """
    told = wake.calls
    while True:
        if wake.calls == told:
            await wake.wait(60)
        told = wake.calls
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                await connection.execute(f"notify {CHANNEL}")
        await asyncio.sleep(APART_SECONDS)

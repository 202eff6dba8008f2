"""Waiting for the log to grow: woken, in vain, and cancelled."""

from __future__ import annotations

import asyncio

import pytest

from libs.events.waking import Wake


async def test_a_wait_ends_when_woken_or_in_vain() -> None:
    wake = Wake()
    waiting = asyncio.create_task(wake.wait(60))
    await asyncio.sleep(0)
    wake()
    assert await waiting
    assert not await wake.wait(0.001)


@pytest.mark.parametrize("turns", range(4))
async def test_a_wait_that_is_woken_and_cancelled_at_once_ends_as_cancelled(turns: int) -> None:
    """Otherwise a worker under load, told to stop just when the log grows, would go on until it is killed."""
    wake = Wake()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            while True:
                await wake.wait(60)
        finally:
            ended.set()

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    working.cancel()
    async with asyncio.timeout(5):
        await ended.wait()
    assert working.cancelling() == 1

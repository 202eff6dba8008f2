"""Serving: the API and the health application in one process, ended without cutting anybody off."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp

GRACE_SECONDS = 15
"""How long open requests may take to end; with closing the rest it stays below 20 s."""

Work = Callable[[], Coroutine[Any, Any, None]]
"""Something that runs beside the servers until it is cancelled."""


class Server(uvicorn.Server):
    """A server that leaves signals to the process, which stops all its servers in their order."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.begun.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """Take no new connections, let the open ones end."""
        self.should_exit = True


def server(app: ASGIApp, host: str, port: int) -> Server:
    """A server of this application on httptools; its loop is uvloop where the process runs on it."""
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


async def serve_until_told(servers: Sequence[Server], work: Sequence[Work], draining: asyncio.Event) -> None:
    """Run servers and background work until SIGTERM or SIGINT, or until one of them ends; raises what failed.

    `draining` is set first, then each server lets its requests end, in order, then the work is cancelled.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, draining.set)
    told = asyncio.create_task(_told(draining), name="told to stop")
    serving = [asyncio.create_task(one.serve(), name="server") for one in servers]
    working = [asyncio.create_task(one(), name="work") for one in work]
    tasks: list[asyncio.Task[Any]] = [told, *serving, *working]
    try:
        begun = asyncio.create_task(_all_begun(servers), name="listening")
        await asyncio.wait([begun, *tasks], return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        gc.collect()
        gc.freeze()  # what lives as long as the process need not be looked at again
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        draining.set()
        for one, task in zip(servers, serving, strict=True):
            one.stop()
            await asyncio.wait([task])
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _all_begun(servers: Sequence[Server]) -> None:
    for one in servers:
        await one.begun.wait()


async def _told(draining: asyncio.Event) -> None:
    await draining.wait()

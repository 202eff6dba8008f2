"""A client that costs next to nothing: prepared requests on connections that stay open."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True)
class Answer:
    """Status, headers in lower case, body, and the seconds from sending to the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Connection:
    """One connection to a server; one request at a time."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.host, self.port = place.hostname or "127.0.0.1", place.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> Answer:
        """Send a request that `prepared` made."""
        begun = time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            await self.close()
        return Answer(int(head[0].split()[1]), headers, body, time.perf_counter() - begun)

    async def close(self) -> None:
        """Disconnect."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def prepared(method: str, path: str, headers: Mapping[str, str], body: Any = None) -> bytes:
    """The bytes of a request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(slots=True)
class Taken:
    """What became of many requests."""

    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0

    def of(self, *statuses: int) -> list[Answer]:
        """The answers with one of these statuses."""
        return [one for one in self.answers if one.status in statuses]


async def closed_loop(url: str, requests: Iterable[bytes], at_once: int) -> Taken:
    """So many clients, each sending its next request when the last was answered."""
    taken, source, begun = Taken(), iter(requests), time.perf_counter()

    async def client() -> None:
        connection = Connection(url)
        for request in source:
            taken.answers.append(await connection.send(request))
        await connection.close()

    await asyncio.gather(*(client() for _ in range(at_once)))
    taken.seconds = time.perf_counter() - begun
    return taken


async def open_loop(url: str, make: Callable[[int], bytes], per_second: float, seconds: float) -> Taken:
    """A request every so often, whether or not those before were answered; late sending counts as waiting."""
    taken, idle, tasks = Taken(), list[Connection](), set[asyncio.Task[None]]()
    begun = time.perf_counter()

    async def one(number: int, due: float) -> None:
        connection = idle.pop() if idle else Connection(url)
        try:
            answer = await connection.send(make(number))
        except (OSError, asyncio.IncompleteReadError):
            return
        answer.seconds = time.perf_counter() - due
        taken.answers.append(answer)
        idle.append(connection)

    for number in range(int(per_second * seconds)):
        due = begun + number / per_second
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    taken.seconds = time.perf_counter() - begun
    for connection in idle:
        await connection.close()
    return taken

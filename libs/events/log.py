"""The log of one service as code sees it: appending in groups, loading, positions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from libs.events import metrics
from libs.events.connections import ACQUIRE_SECONDS, open_pool
from libs.events.errors import LaterFact, NewerCode, Overloaded, Restoring, Unavailable, UnreadableFact
from libs.events.facts import REGISTRY, Meta, Recorded
from libs.events.failpoints import failpoint
from libs.events.grouping import Grouped
from libs.events.waking import Wake, tell_others

APPEND_SECONDS = 2.0
MAX_WAITING = 2_000
BATCH_HOLD_SECONDS = 0.010
RESTORING = "SL001"


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact on its way into the log: stream with its owner, and the version it will have."""

    tenant: str
    stream: str
    version: int
    event_id: UUID
    type: str
    data: Mapping[str, Any]
    meta: Mapping[str, Any]
    occurred_at: datetime

    def document(self, command_index: int) -> dict[str, Any]:
        """As `log.append` takes it."""
        return {
            "c": command_index,
            "tenant": self.tenant,
            "stream": self.stream,
            "version": self.version,
            "event_id": self.event_id,
            "type": self.type,
            "data": self.data,
            "meta": self.meta,
            "occurred_at": self.occurred_at,
        }


@dataclass(frozen=True, slots=True)
class Append:
    """One command's facts, all or nothing. `loaded`: every stream that was looked at, with the version seen."""

    command_id: UUID
    request_hmac: str
    tenant: str
    loaded: Mapping[str, int]
    facts: Sequence[NewFact]
    answer: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As `log.append` takes it."""
        after = {f"{self.tenant} {fact.stream}": fact.version for fact in self.facts}
        return {
            "id": self.command_id,
            "hmac": self.request_hmac,
            "tenant": self.tenant,
            "loaded": {f"{self.tenant} {stream}": version for stream, version in self.loaded.items()},
            "after": after,
            "answer": self.answer,
        }


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append: `appended`, `seen` (an earlier one with this id: its answer) or `conflict`."""

    status: str
    answer: Mapping[str, Any] | None = None
    request_hmac: str | None = None
    stream: str | None = None
    current: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a command sees in one snapshot."""

    answer: Mapping[str, Any] | None
    request_hmac: str | None
    heads: dict[str, int]
    facts: Mapping[str, list[Recorded[Any]]]


def recorded_from(row: Mapping[str, Any]) -> Recorded[Any] | None:
    """A row of the log as a fact; None for a type this code does not know. Raises LaterFact, UnreadableFact."""
    try:
        fact = REGISTRY.read(row["type"], row["data"])
    except LaterFact:
        metrics.UNKNOWN_TYPES.labels(row["type"]).inc()
        raise
    if fact is None:
        metrics.UNKNOWN_TYPES.labels(row["type"]).inc()
        return None
    return Recorded(
        fact=fact,
        tenant=row["tenant"],
        stream=row["stream"],
        version=row["version"],
        event_id=row["event_id"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        meta=Meta.model_validate(row["meta"]),
        seq=row["seq"],
        own_seq=row["own_seq"],
    )


class Log:
    """One service's log. Appends of one process go out in groups: what is decided while a batch commits is the next."""

    def __init__(
        self, service: str, pool: asyncpg.Pool, appends: asyncpg.Pool | None = None, wake: Wake | None = None
    ) -> None:
        self.service = service
        self.pool = pool
        self.appends = appends or pool
        self.wake = wake or Wake()
        self._loads: Grouped[tuple[str, UUID, Mapping[str, int]], Loaded] = Grouped(self._load_many)
        self._waiting: list[tuple[Append, datetime, asyncio.Future[Appended]]] = []
        self._more = asyncio.Event()
        self._batch = 32
        self._stopping = False
        self._appended = Wake()
        self._task: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take appends."""
        self._task = asyncio.create_task(self._commit_groups(), name="group-commit")
        self._telling = asyncio.create_task(tell_others(self.pool, self._appended), name="tell-others")

    async def stop(self) -> None:
        """Commit what waits, then stop."""
        self._stopping = True
        self._more.set()
        if self._task is not None:
            await self._task
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    async def append(self, append: Append, now: datetime) -> Appended:
        """Append one command; a caller that goes away cancels only its wait. Overloaded, Unavailable, Restoring."""
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded("too many commands wait for the log")
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, now, future))
        self._more.set()
        return await asyncio.shield(future)

    async def _commit_groups(self) -> None:
        while not self._stopping:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                group, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                await self._commit(group)

    async def _commit(self, group: list[tuple[Append, datetime, asyncio.Future[Appended]]]) -> None:
        try:
            results = await self.append_batch([append for append, _, _ in group], max(now for _, now, _ in group))
        except (Restoring, Unavailable, asyncpg.PostgresError, asyncpg.DataError, ValueError, TypeError) as error:
            if len(group) > 1 and not isinstance(error, Restoring | Unavailable):
                for one in group:  # one command poisons the batch: find it by trying each alone
                    await self._commit([one])
                return
            for _, _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, _, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def append_batch(self, appends: Sequence[Append], now: datetime) -> list[Appended]:
        """One call of `log.append`, repeated while the connection fails: ids make a second time harmless."""
        document = orjson.dumps(
            {
                "commands": [append.document() for append in appends],
                "facts": [fact.document(i) for i, append in enumerate(appends) for fact in append.facts],
            }
        ).decode()
        begun = time.monotonic()
        while True:
            try:
                failpoint("append.before")
                async with self.appends.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    answer = await connection.fetchval(
                        "select log.append($1, $2::text::jsonb)", now, document, timeout=APPEND_SECONDS + 1
                    )
                failpoint("append.committed")
                break
            except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError,
                    asyncpg.OperatorInterventionError, asyncpg.TransactionTimeoutError) as error:  # fmt: skip
                if time.monotonic() > begun + 2 * APPEND_SECONDS:
                    raise Unavailable("the log did not answer in time; send the same request again") from error
                await asyncio.sleep(0.05)
            except asyncpg.PostgresError as error:
                if error.sqlstate == RESTORING:
                    raise Restoring(str(error)) from error
                raise
        self.wake()
        self._appended()
        metrics.APPEND_BATCH.observe(len(appends))
        metrics.APPEND_SECONDS.observe(time.monotonic() - begun)
        metrics.LOCK_WAIT.observe(answer["waited"])
        self._suit(len(appends), answer["held"])
        return [
            Appended(
                status=result["status"],
                answer=result.get("answer"),
                request_hmac=result.get("hmac"),
                stream=result["stream"].split(" ", 1)[1] if "stream" in result else None,
                current=result.get("current"),
            )
            for result in answer["results"]
        ]

    def _suit(self, size: int, held: float) -> None:
        """Make groups larger or smaller by how long one held the lock of the log, in seconds."""
        if held > BATCH_HOLD_SECONDS * 1.5:
            self._batch = max(8, self._batch // 2)
        elif held < BATCH_HOLD_SECONDS and size == self._batch:
            self._batch = min(512, self._batch * 2)

    async def load(self, tenant: str, command_id: UUID, after: Mapping[str, int]) -> Loaded:
        """The stored answer of a command if there is one, and the facts of its streams after the versions known.

        What many commands want at once is loaded in one statement. Raises NewerCode, UnreadableFact, Unavailable.
        """
        return await self._loads.submit((tenant, command_id, after))

    async def _load_many(
        self, wanted: Sequence[tuple[str, UUID, Mapping[str, int]]]
    ) -> Sequence[Loaded | UnreadableFact | NewerCode]:
        streams = [(n, tenant, *entry) for n, (tenant, _, after) in enumerate(wanted, 1) for entry in after.items()]
        places, tenants, names, versions = zip(*streams, strict=True) if streams else ((), (), (), ())
        try:
            async with self.appends.acquire(timeout=ACQUIRE_SECONDS) as connection:
                rows = await connection.fetch(
                    "select * from log.load($1, $2, $3, $4, $5)",
                    [command_id for _, command_id, _ in wanted],
                    places,
                    tenants,
                    names,
                    versions,
                )
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError,
                asyncpg.OperatorInterventionError) as error:  # fmt: skip
            raise Unavailable("the log cannot be read just now; send the same request again") from error
        found = [Loaded(None, None, dict.fromkeys(after, 0), {name: [] for name in after}) for _, _, after in wanted]
        unreadable: dict[int, UnreadableFact | NewerCode] = {}
        for row in rows:
            place = row["n"] - 1
            match row["kind"]:
                case "answer":
                    found[place] = replace(found[place], answer=row["data"], request_hmac=row["type"])
                case "head":
                    found[place].heads[row["stream"]] = row["version"]
                case _:
                    try:
                        recorded = recorded_from({**row, "tenant": wanted[place][0]})
                    except LaterFact as later:
                        unreadable[place] = NewerCode(f"{later}: newer code is being rolled out; send it again")
                    except UnreadableFact as error:
                        unreadable[place] = error
                    else:
                        if recorded is not None:
                            found[place].facts[row["stream"]].append(recorded)
        return [one if one.answer is not None else unreadable.get(n, one) for n, one in enumerate(found)]

    async def head(self) -> tuple[int, int]:
        """The last `seq` and the last `own_seq`."""
        row = await self.pool.fetchrow("select seq, own_seq from log.head()")
        return row["seq"], row["own_seq"]

    async def tick(self, now: datetime) -> tuple[datetime, int, int]:
        """Raise the time floor to `now`: (t, own_seq, seq); every fact recorded later is recorded after t."""
        row = await self.pool.fetchrow("select t, own_seq, seq from log.tick($1)", now)
        return row["t"], row["own_seq"], row["seq"]


async def open_log(service: str, url: str, *, size: int = 8, wake: Wake | None = None) -> Log:
    """Connect to a service's log and start taking appends, which have connections of their own."""
    appends = await open_pool(
        url, size=4, name=f"{service} log", transaction_seconds=int(APPEND_SECONDS), keep_state=True
    )
    log = Log(service, await open_pool(url, size=size, name=service, keep_state=True), appends, wake)
    await log.start()
    return log


async def close_log(log: Log) -> None:
    """Commit what waits and disconnect."""
    await log.stop()
    for pool in {log.appends, log.pool}:
        await pool.close()

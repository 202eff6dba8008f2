"""Restoring: a database that lost own facts takes them back from Kafka, under the numbers and versions they had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from libs.events.broker import Broker
from libs.events.builds import Builds
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.facts import REGISTRY, Fact
from libs.events.feeds import SEALED
from libs.events.following import cursor_of
from libs.events.forgetting import CURSOR as FORGOTTEN
from libs.events.publishing import Standstill
from libs.events.reacting import Reaction
from libs.events.rereading import Reading, in_order
from libs.events.topics import existing_topics, last_records
from libs.events.wire import Received, Topics

AGAIN = timedelta(days=1)
"""Reactions of a log that was lost run again over so much before its last sign of life; ids that derive dedupe."""
LOST = "restore"
"""The row of log.cursors that says, until the end, that this log began with nothing."""
NOT_POSSIBLE = "SL005"

Report = Callable[[Reading], None]


class NotRestored(Exception):
    """It cannot be restored like this; the text says what to do first."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `last_sign`: up to then the lost database is known to have worked; None where nothing tells."""

    facts: int
    commands: int
    own_seq: int
    lost: bool
    last_sign: datetime | None


@dataclass(slots=True)
class _Facts:
    """Facts on their way into the log, cut where a command ends, so that its answer is stored with all of them."""

    service: str
    held: list[Received] = field(default_factory=list)

    def cut(self, more: Sequence[Received], *, end: bool) -> tuple[list[Received], list[dict[str, Any]]]:
        """The facts of whole commands so far, with those commands' answers."""
        facts = [*self.held, *more]
        whole = len(facts)
        if not end:
            while whole and _command(facts[whole - 1]) == _command(facts[-1]):
                whole -= 1
        self.held = facts[whole:]
        return facts[:whole], answers(self.service, facts[:whole])


def answers(service: str, facts: Sequence[Received]) -> list[dict[str, Any]]:
    """What the commands behind these facts answered, as far as facts tell: streams and versions, or that it was no."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for received in facts:
        if (command := _command(received)) is not None:
            found.setdefault(command, []).append(received.fact)
    return [
        {"id": command_id, "tenant": tenant, "answer": _answer(service, mine)}
        for (tenant, command_id), mine in found.items()
    ]


def _answer(service: str, facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    main = facts[0]["stream"]
    kinds = [REGISTRY.types.get(REGISTRY.current(fact["type"])) for fact in facts]
    answer: dict[str, Any] = {
        "main": [main, _identity(service, main, kinds[0])],
        "facts": [[fact["type"], fact["stream"], fact["version"], fact["event_id"]] for fact in facts],
        "streams": {fact["stream"]: fact["version"] for fact in facts},
        "ids": {},
    }
    refusals = [kind.refusal if kind is not None else None for kind in kinds]
    if all(refusals):
        why = f"this was refused; the reasons are in {facts[0]['type']} {facts[0]['event_id']}"
        answer["refused"] = {"code": refusals[0], "why": why, "details": {}}
    return answer


def _identity(service: str, stream: str, kind: type[Fact] | None) -> str:
    name = stream.removeprefix(f"{service}/")
    return name.removeprefix(kind.template.split("{")[0]) if kind is not None else name.partition("-")[2]


def _command(received: Received) -> tuple[str, str] | None:
    command_id = received.fact["meta"].get("command_id")
    return (received.fact["tenant"], command_id) if command_id else None


class Restorer:
    """Takes own facts of one service back; its workers stand still meanwhile, and it takes no commands."""

    def __init__(
        self, service: str, reactions: Sequence[Reaction], pool: asyncpg.Pool, broker: Broker, topics: Topics
    ) -> None:
        self.service = service
        self.reactions = reactions
        self.pool = pool
        self.broker = broker
        self.topics = topics

    async def restore(self, report: Report, *, without_keys: bool = False) -> Restored:
        """Append every own fact that the topic has and the log has not. Harmless when repeated, goes on after a kill.

        Raises NotRestored, Standstill (the topic has another fact under a number of this log), Hole (the topic lacks
        one itself; what came before it is restored).
        """
        topic = self.topics.log(self.service)
        if topic not in await existing_topics(self.broker):
            raise NotRestored(f"there is no topic {topic} on {self.broker.servers}: is the topic prefix right?")
        head = await self._begin()
        facts, restored, commands = _Facts(self.service), 0, 0
        keyless = not without_keys and not await self._keys()
        async for reading in in_order(self.broker, topic, head):
            await self._same(topic, reading.known)
            if keyless and (sealed := next((one for one in reading.facts if _is_sealed(one.fact["data"])), None)):
                raise NotRestored(
                    f"{sealed.fact['type']} has personal fields, and this database has no keys to open them: restore"
                    " the backup of the keys first, or give --without-keys if there is none (then nobody can read them)"
                )
            whole, known = facts.cut(reading.facts, end=reading.done == reading.total)
            await self._store(whole, known)
            restored, commands = restored + len(whole), commands + len(known)
            report(reading)
        return await self._finish(restored, commands)

    async def _begin(self) -> int:
        """Refuse commands from now on; the last own fact that the log has."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            if holder := await connection.fetchval(
                "select holder from log.leases where expires_at > clock_timestamp() limit 1"
            ):
                raise NotRestored(f"the worker {holder} runs; stop the workers of {self.service} first")
            await connection.execute("select log.judge('restoring', 'own facts are taken back from Kafka')")
            head: int = await connection.fetchval("select own_seq from log.head()")
            if head == 0:
                await connection.execute("insert into log.cursors (name) values ($1) on conflict do nothing", LOST)
        return head

    async def _keys(self) -> bool:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            found: bool = await connection.fetchval("select exists (select from log.subject_keys)")
        return found

    async def _same(self, topic: str, known: Mapping[int, str]) -> None:
        """The facts that both have must be the same ones."""
        if not known:
            return
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "select own_seq, event_id from log.events where own_seq = any($1::bigint[])", list(known)
            )
        for row in rows:
            if str(row["event_id"]) != known[row["own_seq"]]:
                raise Standstill("forked", f"{topic}: number {row['own_seq']} is another fact on the broker")

    async def _store(self, facts: Sequence[Received], known: Sequence[Mapping[str, Any]]) -> None:
        if not facts:
            return
        rows = [{"own_seq": received.own_seq, **received.fact} for received in facts]
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            try:
                await connection.fetchval(
                    "select log.restore($1::text::jsonb, $2::text::jsonb)",
                    orjson.dumps(rows).decode(),
                    orjson.dumps(known).decode(),
                )
            except asyncpg.PostgresError as error:
                if error.sqlstate == NOT_POSSIBLE:
                    raise NotRestored(str(error)) from error
                raise

    async def _finish(self, restored: int, commands: int) -> Restored:
        """Hand over to the workers: where reactions go on, and which effects may have gone out already."""
        last_sign = await self._last_sign()
        cursors = [cursor_of(reaction) for reaction in self.reactions]
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            lost = await connection.fetchval("select exists (select from log.cursors where name = $1)", LOST)
        if lost:
            for reaction in self.reactions:
                if reaction.state is not None:
                    await Builds(self.pool, reaction.state).forget()
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            if lost and last_sign is not None:
                await connection.execute(
                    "insert into log.cursors (name, live_since) select unnest($1::text[]), $2"
                    " on conflict (name) do update set seq = 0, live_from = 0, live_since = excluded.live_since",
                    cursors,
                    last_sign - AGAIN,
                )
            if last_sign is not None:
                await connection.execute("select log.not_before($1)", last_sign)
                await connection.execute(
                    "update log.cursors set held_until = greatest(held_until, $1) where name = any($2)",
                    last_sign,
                    cursors,
                )
            await connection.execute("delete from log.cursors where name = $1", LOST)
            await connection.execute("update log.cursors set seq = 0 where name = $1", FORGOTTEN)
            own_seq = await connection.fetchval("select own_seq from log.head()")
        return Restored(restored, commands, own_seq, bool(lost), last_sign)

    async def _last_sign(self) -> datetime | None:
        """The later of the last watermark that was published and the last own fact."""
        signs: list[datetime] = []
        topic = self.topics.watermarks(self.service)
        if topic in await existing_topics(self.broker):
            signs += (await last_records(self.broker, topic, _instant_of)).values()
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            recorded = await connection.fetchval(
                "select recorded_at from log.events where own_seq is not null order by own_seq desc limit 1"
            )
        return max([*signs, *([recorded] if recorded else [])], default=None)


def _instant_of(record: Any) -> datetime | None:
    """When a watermark was published."""
    try:
        return datetime.fromisoformat(orjson.loads(record.value)["t"])
    except (ValueError, TypeError, KeyError):
        return None


def _is_sealed(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == SEALED or any(_is_sealed(part) for part in value.values())
    return isinstance(value, list) and any(_is_sealed(part) for part in value)

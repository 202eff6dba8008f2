"""Batches: facts read from the log and folded into groups of rows; what cannot be folded is parked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from libs.events import metrics
from libs.events.errors import LaterFact, UnreadableFact
from libs.events.facts import Recorded, read_as
from libs.events.leases import INFRASTRUCTURE
from libs.events.log import recorded_from
from libs.events.projecting import Group, Projection, Table
from libs.events.rows import Changes, Groups, Place, item_of, load_groups, save_changes

BATCH = 1_000
SPAN = 50_000
"""Positions that one read looks through at the most, so that rare types do not make long scans."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scope:
    """Which facts a build is made of: all, those up to a position, those recorded by an instant, those of a tenant."""

    as_of: int | None = None
    recorded_by: datetime | None = None
    tenant: str | None = None

    def condition(self, first: int) -> tuple[str, list[Any]]:
        """SQL to add to a condition on log.events, and its values from `$first` on; `as_of` is the reader's target."""
        parts = [
            (f" and {column} $%d", value)
            for column, value in (("recorded_at <=", self.recorded_by), ("tenant =", self.tenant))
            if value is not None
        ]
        return "".join(text % n for n, (text, _) in enumerate(parts, first)), [value for _, value in parts]


WHOLE = Scope()


@dataclass(frozen=True, slots=True)
class Raw:
    """A stored fact before it is read: its row, and the fact or why it cannot be read. `waits`: for newer code."""

    row: asyncpg.Record
    recorded: Recorded[Any] | None
    error: str = ""
    waits: bool = False


def read_raw(row: asyncpg.Record) -> Raw:
    """Read a row of the log; a fact that cannot be read keeps its error, an unknown type is None without one."""
    try:
        return Raw(row, recorded_from(row))
    except UnreadableFact as error:
        return Raw(row, None, str(error), isinstance(error, LaterFact))


async def read_facts(
    connection: asyncpg.Connection,
    wires: Sequence[str],
    after: int,
    upto: int,
    limit: int = BATCH,
    scope: Scope = WHOLE,
) -> tuple[list[Raw], int]:
    """The facts of these wire names in (after, upto], at most `limit`, and the position that is read up to.

    Later versions of them than this code knows are among them: what is passed over would be missing for ever.
    """
    upto = min(upto, after + SPAN)
    condition, values = scope.condition(5)
    rows = await connection.fetch(
        "select seq, own_seq, tenant, stream, version, event_id, type, data, meta, occurred_at, recorded_at"
        f" from log.events where seq > $1 and seq <= $2 and type = any($3){condition} order by seq limit $4",
        after,
        upto,
        read_as(wires),
        limit,
        *values,
    )
    return [read_raw(row) for row in rows], rows[-1]["seq"] if len(rows) == limit else upto


@dataclass(slots=True)
class Parking:
    """What waits for an operator at one reader, and what an operator decided to skip."""

    consumer: str
    keys: dict[Place, list[int]] = field(default_factory=dict)
    retry: set[Place] = field(default_factory=set)
    skips: set[tuple[str, str, int]] = field(default_factory=set)
    fresh: list[tuple[str, str, int, str, bool]] = field(default_factory=list)
    cleared: list[Place] = field(default_factory=list)

    @classmethod
    async def load(cls, connection: asyncpg.Connection, consumer: str, build: int | None = None) -> Parking:
        """As the database has it now: of the reader, or of a build of it that does not serve."""
        parking = cls(consumer if build is None else parked_in(consumer, build))
        for row in await connection.fetch(
            "select tenant, key, seq, retry or (waits and parked_at < clock_timestamp() - interval '1 second') as retry"
            " from log.parked where consumer = $1 order by seq",
            parking.consumer,
        ):
            place = (row["tenant"], row["key"])
            parking.keys.setdefault(place, []).append(row["seq"])
            if row["retry"]:
                parking.retry.add(place)
        for row in await connection.fetch("select tenant, key, seq from log.skips where consumer = $1", consumer):
            parking.skips.add((row["tenant"], row["key"], row["seq"]))
        return parking

    def park(self, place: Place, seq: int, error: str = "", *, waits: bool = False) -> None:
        """Set a fact aside; the ones after it in the same key follow."""
        if seq not in self.keys.get(place, ()):
            self.keys.setdefault(place, []).append(seq)
        self.fresh.append((*place, seq, error[:2000], waits))
        if error and not waits:
            logger.error(
                "fact parked", consumer=self.consumer, tenant=place[0], key=place[1], seq=seq, error=error[:500]
            )

    def clear(self, place: Place) -> None:
        """A key's facts have all been dealt with."""
        self.keys.pop(place, None)
        self.cleared.append(place)

    async def save(self, connection: asyncpg.Connection) -> None:
        """Write what is new, in the reader's transaction."""
        if self.cleared:
            await connection.execute(
                "delete from log.parked p using unnest($2::text[], $3::text[]) c(tenant, key)"
                " where p.consumer = $1 and p.tenant = c.tenant and p.key = c.key",
                self.consumer,
                [tenant for tenant, _ in self.cleared],
                [key for _, key in self.cleared],
            )
        if self.fresh:
            await connection.executemany(
                "insert into log.parked (consumer, tenant, key, seq, error, waits) values ($1, $2, $3, $4, $5, $6)"
                " on conflict (consumer, tenant, key, seq) do update"
                " set error = excluded.error, waits = excluded.waits, retry = false, parked_at = clock_timestamp()",
                [(self.consumer, *entry) for entry in self.fresh],
            )
        metrics.PARKED_KEYS.labels(self.consumer).set(len(self.keys))


def parked_in(consumer: str, build: int) -> str:
    """The name under which the parked facts of a build that does not serve are kept."""
    return f"{consumer}#{build}"


def stream_place(raw: Raw) -> Place:
    """The place under which a fact is parked whose key cannot be known."""
    return raw.row["tenant"], f"stream {raw.row['stream']}"


class Batch:
    """Facts folded over groups in memory; the groups of their keys are loaded before."""

    def __init__(self, projection: Projection, parking: Parking, *, live: bool = True) -> None:
        self.projection = projection
        self.live = live
        self.parking = parking
        self.before: Groups = {}
        self.groups: Groups = {}
        self.stamps: dict[Place, int] = {}

    def places(self, raws: Sequence[Raw]) -> list[tuple[Raw, list[str]]]:
        """The keys of each fact; facts that cannot be read, or whose keys cannot be told, are parked by stream."""
        result: list[tuple[Raw, list[str]]] = []
        for raw in raws:
            place = stream_place(raw)
            seq = raw.row["seq"]
            if (*place, seq) in self.parking.skips:
                continue
            if place in self.parking.keys:
                self.parking.park(place, seq)
            elif raw.error:
                self.parking.park(place, seq, raw.error, waits=raw.waits)
            elif raw.recorded is not None:
                try:
                    result.append((raw, list(dict.fromkeys(self.projection.keys(raw.recorded.fact)))))
                except INFRASTRUCTURE:
                    raise
                except Exception as error:
                    self.parking.park(place, seq, f"keys: {type(error).__name__}: {error}")
        return result

    async def load(
        self, connection: asyncpg.Connection, schema: str, raws: Sequence[Raw]
    ) -> list[tuple[Raw, list[str]]]:
        """Load the groups that these facts touch."""
        placed = self.places(raws)
        wanted = {(raw.row["tenant"], key) for raw, keys in placed for key in keys} - self.before.keys()
        if wanted:
            loaded = await load_groups(connection, schema, self.projection.tables, wanted)
            self.before |= loaded
            self.groups |= loaded
        return placed

    def fold(self, raw: Raw, key: str) -> Group | None:
        """Fold one fact into one group; None if it, or the key, is parked or skipped."""
        assert raw.recorded is not None
        place = (raw.row["tenant"], key)
        seq = raw.row["seq"]
        if (*place, seq) in self.parking.skips:
            return None
        if place in self.parking.keys:
            self.parking.park(place, seq)
            return None
        try:
            rows = tuple(self.projection.fold(Group(key, self.groups.get(place, ())), raw.recorded))
        except INFRASTRUCTURE:
            raise
        except Exception as error:
            self.parking.park(place, seq, f"fold: {type(error).__name__}: {error}")
            return None
        self.groups[place] = rows
        self.stamps[place] = seq
        return Group(key, rows)

    async def retry(self, connection: asyncpg.Connection, schema: str) -> None:
        """Fold parked keys again that are to be tried: all their facts in order, or none."""
        for place in sorted(self.parking.retry & self.parking.keys.keys()):
            seqs = self.parking.keys.pop(place)
            rows = await connection.fetch("select * from log.events where seq = any($1) order by seq", seqs)
            raws = [read_raw(row) for row in rows]
            known, failures = dict(self.groups), len(self.parking.fresh)
            for raw, keys in await self.load(connection, schema, raws):
                for key in keys if place[1].startswith("stream ") else [place[1]]:
                    self.fold(raw, key)
            if len(self.parking.fresh) > failures:
                self.groups = known | {p: rows for p, rows in self.before.items() if p not in known}
                self.parking.keys[place] = seqs
                error, waits = next(entry[3:] for entry in self.parking.fresh[failures:] if entry[3])
                self.parking.fresh[failures:] = [
                    (*place, seq, error if seq == seqs[0] else "", waits and seq == seqs[0]) for seq in seqs
                ]
            else:
                self.parking.clear(place)

    async def save(self, connection: asyncpg.Connection, schema: str) -> Changes:
        """Write changed rows; in a live build also what they make due, and what was parked."""
        changes = Changes(self.projection.tables, self.before, self.groups)
        await save_changes(connection, schema, self.projection.tables, changes)
        if self.live:
            await self._dues(connection, changes)
            await self.parking.save(connection)
        return changes

    async def _dues(self, connection: asyncpg.Connection, changes: Changes) -> None:
        for deadline in self.projection.deadlines:
            name, table = f"{deadline.name}:{self.projection.version}", deadline.table
            if removed := changes.removed[table.name]:
                await connection.execute(
                    "delete from log.dues d using unnest($2::text[], $3::text[], $4::text[]) r(tenant, key, item)"
                    " where d.deadline = $1 and d.tenant = r.tenant and d.key = r.key and d.item = r.item",
                    name,
                    *_items(table, removed),
                )
            if written := changes.written[table.name]:
                await connection.execute(
                    "insert into log.dues (deadline, tenant, key, item, stamp)"
                    " select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[])"
                    " on conflict (deadline, tenant, key, item)"
                    " do update set stamp = excluded.stamp, due_at = null, done = false",
                    name,
                    *_items(table, written),
                    [self.stamps.get(place, 0) for place, _ in written],
                )


def _items(table: Table[Any], rows: Sequence[tuple[Place, Any]]) -> tuple[list[str], list[str], list[str]]:
    return (
        [place[0] for place, _ in rows],
        [place[1] for place, _ in rows],
        [item_of(table, row) for _, row in rows],
    )


def trace_of(raw: Raw) -> str | None:
    """The trace that a fact was recorded in, if any."""
    meta = raw.row["meta"]
    return meta.get("traceparent") if isinstance(meta, dict) else None

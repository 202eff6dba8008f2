"""Where the readers of a worker stand: asked for all of them at once, and moved at once where there is nothing to do.

A log that grows by one fact wakes every reader of a service, and most have nothing to do with it. What each did for
itself in statements of its own is done for all of them in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import asyncpg

from libs.events.connections import ACQUIRE_SECONDS
from libs.events.grouping import Grouped
from libs.events.leases import Lease


@dataclass(frozen=True, slots=True)
class Serving:
    """The serving build of a read model, how far it is, and whether something of it is parked or skipped."""

    projection: str
    version: int
    build: int
    schema: str
    seq: int
    parked: bool


@dataclass(frozen=True, slots=True)
class Following:
    """A reaction's cursor, what it may react to, whether something is parked or skipped, and its state's schema."""

    name: str
    seq: int
    live_from: int
    live_since: datetime
    held_until: datetime | None
    parked: bool
    projection: str
    version: int
    schema: str


S = TypeVar("S", Serving, Following)
_PARKED = """(exists (select from log.parked p where p.consumer = w.name)
              or exists (select from log.skips s where s.consumer = w.name)) as parked"""
_HELD = "held as (select l.role from log.leases l join m on l.role = m.role and l.epoch = m.epoch for key share of l)"
_SERVING = f"""
    select w.name as asked, b.projection, b.version, b.build, b.schema_name, b.cursor, {_PARKED}
      from unnest($1::text[], $2::text[], $3::int[]) w(name, projection, version)
      join log.builds b on b.projection = w.projection and b.version = w.version and b.state = 'serving'"""
_MOVE_SERVING = f"""
    with m as (select * from unnest(
                   $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::int[], $7::int[])
               m(role, epoch, before, upto, projection, version, build)),
         {_HELD},
         free as (select m.* from log.builds b join m using (projection, version, build) join held using (role)
                   where b.state = 'serving' and b.cursor = m.before for no key update of b skip locked)
    update log.builds b set cursor = free.upto from free
     where b.projection = free.projection and b.version = free.version and b.build = free.build
    returning free.role"""
_FOLLOWING = f"""
    select w.name as asked, c.name, c.seq, c.live_from, c.live_since, c.held_until, {_PARKED}, w.projection, w.version,
           coalesce(b.schema_name, '')
      from unnest($1::text[], $2::text[], $3::int[]) w(name, projection, version) join log.cursors c using (name)
      left join log.builds b on b.projection = w.projection and b.version = w.version and b.state = 'serving'"""
_MOVE_FOLLOWING = f"""
    with m as (select * from unnest(
                   $1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::int[], $7::text[])
               m(role, epoch, before, upto, projection, version, name)),
         {_HELD},
         kept as (select b.projection, b.version from log.builds b join m using (projection, version)
                   where b.state = 'serving' for no key update of b skip locked),
         free as (select m.* from log.cursors c join m using (name) join held using (role)
                   where c.seq = m.before
                     and (exists (select from kept k where k.projection = m.projection and k.version = m.version)
                          or not exists (select from log.builds b where b.projection = m.projection
                                          and b.version = m.version and b.state = 'serving'))
                     for no key update of c skip locked),
         states as (update log.builds b set cursor = free.upto from free
                     where b.projection = free.projection and b.version = free.version and b.state = 'serving')
    update log.cursors c set seq = free.upto from free where c.name = free.name
    returning free.role"""


@dataclass(frozen=True, slots=True)
class _Move(Generic[S]):
    lease: Lease
    standing: S
    upto: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: by its name as a consumer, with the projection it keeps."""

    name: str
    projection: str
    version: int


class Positions:
    """Asks for and moves the readers of one worker."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._serving: Grouped[Reader, Serving | None] = Grouped(self._ask_serving)
        self._following: Grouped[Reader, Following | None] = Grouped(self._ask_following)
        self._move_serving: Grouped[_Move[Serving], bool] = Grouped(self._moved_serving)
        self._move_following: Grouped[_Move[Following], bool] = Grouped(self._moved_following)

    async def serving(self, reader: Reader) -> Serving | None:
        """How a read model stands; None where no build of it serves."""
        return await self._serving.submit(reader)

    async def following(self, reader: Reader) -> Following | None:
        """How a reaction stands; None where it has no cursor yet."""
        return await self._following.submit(reader)

    async def move(self, lease: Lease, standing: Serving | Following, upto: int) -> bool:
        """Move a reader that has nothing to do up to `upto`.

        False if it could not be done beside the others: its lease or position has moved on, or somebody holds it.
        """
        if isinstance(standing, Serving):
            return await self._move_serving.submit(_Move(lease, standing, upto))
        return await self._move_following.submit(_Move(lease, standing, upto))

    async def _ask(self, sql: str, readers: Sequence[Reader]) -> dict[str, list[object]]:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                sql,
                [reader.name for reader in readers],
                [reader.projection for reader in readers],
                [reader.version for reader in readers],
            )
        return {name: values for name, *values in rows}

    async def _ask_serving(self, readers: Sequence[Reader]) -> list[Serving | None]:
        found = await self._ask(_SERVING, readers)
        return [Serving(*found[one.name]) if one.name in found else None for one in readers]  # type: ignore[arg-type]

    async def _ask_following(self, readers: Sequence[Reader]) -> list[Following | None]:
        found = await self._ask(_FOLLOWING, readers)
        return [Following(*found[one.name]) if one.name in found else None for one in readers]  # type: ignore[arg-type]

    async def _moved(self, sql: str, moves: Sequence[_Move[S]], names: Sequence[object]) -> list[bool]:
        async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                sql,
                [move.lease.role for move in moves],
                [move.lease.epoch for move in moves],
                [move.standing.seq for move in moves],
                [move.upto for move in moves],
                [move.standing.projection for move in moves],
                [move.standing.version for move in moves],
                names,
            )
        moved = {row["role"] for row in rows}
        return [move.lease.role in moved for move in moves]

    async def _moved_serving(self, moves: Sequence[_Move[Serving]]) -> list[bool]:
        return await self._moved(_MOVE_SERVING, moves, [move.standing.build for move in moves])

    async def _moved_following(self, moves: Sequence[_Move[Following]]) -> list[bool]:
        return await self._moved(_MOVE_FOLLOWING, moves, [move.standing.name for move in moves])

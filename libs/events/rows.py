"""Rows of read models in the database: groups loaded, changed groups written, in few statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from libs.events.projecting import Table

Place = tuple[str, str]
"""Tenant and key of a group."""
Groups = dict[Place, tuple[Any, ...]]


def item_of(table: Table[Any], row: Any) -> str:
    """A row's identity within its group, as text."""
    return orjson.dumps([str(getattr(row, name)) for name in table.identity]).decode()


def _cell(table: Table[Any], name: str, value: Any) -> Any:
    return orjson.dumps(value).decode() if name in table.json_fields and value is not None else value


def columns_of(table: Table[Any]) -> list[str]:
    """Column names: tenant, key, then the row's fields."""
    return ["tenant", "key", *table.fields]


def tuples(table: Table[Any], rows: Iterable[tuple[Place, Any]]) -> list[tuple[Any, ...]]:
    """Rows as tuples of cells for COPY or unnest, in the order of `columns_of`."""
    return [(*place, *(_cell(table, name, getattr(row, name)) for name in table.fields)) for place, row in rows]


async def load_groups(
    connection: asyncpg.Connection, schema: str, tables: Sequence[Table[Any]], places: Collection[Place]
) -> Groups:
    """The groups of these keys; a key without rows has an empty one."""
    groups: dict[Place, list[Any]] = {place: [] for place in places}
    tenants, keys = [tenant for tenant, _ in groups], [key for _, key in groups]
    for table in tables:
        fields = ", ".join(f't."{name}"' for name in table.fields)
        rows = await connection.fetch(
            f'select t.tenant, t.key, {fields} from "{schema}"."{table.name}" t'
            " join unnest($1::text[], $2::text[]) w(tenant, key) on t.tenant = w.tenant and t.key = w.key",
            tenants,
            keys,
        )
        for row in rows:
            tenant, key, *values = row
            groups[tenant, key].append(table.row(*values))
    return {place: tuple(rows) for place, rows in groups.items()}


class Changes:
    """What differs between groups before and after, per table."""

    def __init__(self, tables: Sequence[Table[Any]], before: Mapping[Place, Sequence[Any]], after: Groups) -> None:
        self.written: dict[str, list[tuple[Place, Any]]] = defaultdict(list)
        self.removed: dict[str, list[tuple[Place, Any]]] = defaultdict(list)
        by_row = {table.row: table for table in tables}
        for place, rows in after.items():
            old = {self._identity(by_row, row): row for row in before.get(place, ())}
            new = {self._identity(by_row, row): row for row in rows}
            if len(new) < len(rows):
                raise ValueError(f"two rows of {place[1]} have the same identity")
            for identity, row in new.items():
                if old.get(identity) != row:
                    self.written[identity[0]].append((place, row))
            for identity, row in old.items():
                if identity not in new:
                    self.removed[identity[0]].append((place, row))

    @staticmethod
    def _identity(by_row: Mapping[type, Table[Any]], row: Any) -> tuple[Any, ...]:
        table = by_row[type(row)]
        return (table.name, *(getattr(row, name) for name in table.identity))


async def save_changes(
    connection: asyncpg.Connection, schema: str, tables: Sequence[Table[Any]], changes: Changes
) -> None:
    """Write changed rows and remove vanished ones: at most two statements a table."""
    for table in tables:
        if removed := changes.removed[table.name]:
            await _remove(connection, schema, table, removed)
        if written := changes.written[table.name]:
            await _upsert(connection, schema, table, written)


async def _upsert(
    connection: asyncpg.Connection, schema: str, table: Table[Any], rows: Sequence[tuple[Place, Any]]
) -> None:
    names = columns_of(table)
    kinds = ["TEXT" if name in table.json_fields else table.column_types[name] for name in names]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))
    cells = ", ".join(f'r."{name}"::jsonb' if name in table.json_fields else f'r."{name}"' for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    identity = {"tenant", "key", *table.identity}
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in identity)
    primary = ", ".join(f'"{name}"' for name in names if name in identity)
    columns = list(zip(*tuples(table, rows), strict=True))
    await connection.execute(
        f'insert into "{schema}"."{table.name}" ({quoted}) select {cells} from unnest({arrays}) r({quoted})'
        f" on conflict ({primary}) do {f'update set {updates}' if updates else 'nothing'}",
        *columns,
    )


async def _remove(
    connection: asyncpg.Connection, schema: str, table: Table[Any], rows: Sequence[tuple[Place, Any]]
) -> None:
    names = ["tenant", "key", *table.identity]
    arrays = ", ".join(f"${number}::{table.column_types[name]}[]" for number, name in enumerate(names, 1))
    quoted = ", ".join(f'"{name}"' for name in names)
    same = " and ".join(f't."{name}" = r."{name}"' for name in names)
    cells = [(*place, *(getattr(row, name) for name in table.identity)) for place, row in rows]
    await connection.execute(
        f'delete from "{schema}"."{table.name}" t using unnest({arrays}) r({quoted}) where {same}',
        *zip(*cells, strict=True),
    )

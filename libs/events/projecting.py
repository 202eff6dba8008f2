"""Read models as declarations: tables of frozen rows, the keys a fact touches, and the pure fold of a key's rows."""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from libs.events.deciding import Given
from libs.events.facts import Fact, Recorded
from libs.events.reacting import Attempt

R = TypeVar("R")
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

_COLUMN_TYPES: dict[type, sa.types.TypeEngine[Any]] = {
    str: sa.Text(),
    int: sa.BigInteger(),
    float: sa.Double(),
    bool: sa.Boolean(),
    datetime: sa.DateTime(timezone=True),
    date: sa.Date(),
    Decimal: sa.Numeric(),
    UUID: sa.Uuid(),
}


def _column(name: str, hint: Any, *, primary: bool) -> sa.Column[Any]:
    optional = False
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        optional = len(members) < len(typing.get_args(hint))
        hint = members[0] if len(members) == 1 else Any
    while hasattr(hint, "__supertype__"):
        hint = hint.__supertype__
    if typing.get_origin(hint) is typing.Literal:
        hint = str
    kind = _COLUMN_TYPES.get(hint, postgresql.JSONB()) if isinstance(hint, type) else postgresql.JSONB()
    return sa.Column(name, kind, nullable=optional and not primary, primary_key=primary)


@dataclass(frozen=True, eq=False)
class Table(Generic[R]):
    """A table of a read model, declared by its row: a frozen dataclass whose annotations are the columns.

    `tenant` and `key` (the fold's key) come before them; `identity` are the fields that tell rows of one key apart.
    str, int, float, bool, datetime, date, Decimal and UUID are columns of their kind; anything else is JSON
    (lists, dicts of JSON values). `indexes` are tuples of columns; the tenant is put in front.
    """

    name: str
    row: type[R]
    identity: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The row's columns, without tenant and key."""
        return tuple(field.name for field in dataclasses.fields(typing.cast("Any", self.row)))

    @cached_property
    def core(self) -> sa.Table:
        """The table for SQLAlchemy Core; its schema comes from the search path."""
        hints = typing.get_type_hints(self.row)
        columns = [_column(name, hints[name], primary=name in self.identity) for name in self.fields]
        return sa.Table(
            self.name,
            sa.MetaData(),
            sa.Column("tenant", sa.Text(), primary_key=True),
            sa.Column("key", sa.Text(), primary_key=True),
            *sorted(columns, key=lambda column: not column.primary_key),
        )

    @cached_property
    def column_types(self) -> dict[str, str]:
        """SQL type of every column, tenant and key first."""
        return {column.name: str(column.type.compile(dialect=_DIALECT)) for column in self.core.columns}

    @cached_property
    def json_fields(self) -> frozenset[str]:
        """The columns held as JSON."""
        return frozenset(name for name, kind in self.column_types.items() if kind == "JSONB")

    def create(self, *, schema: str) -> str:
        """The DDL of the table alone, without its primary key and indexes, for loading."""
        columns = ", ".join(
            f'"{c.name}" {self.column_types[c.name]}{"" if c.nullable else " not null"}' for c in self.core.columns
        )
        return f'create table "{schema}"."{self.name}" ({columns})'

    def constrain(self, *, schema: str) -> list[str]:
        """The DDL of the primary key and the indexes."""
        primary = ", ".join(f'"{column.name}"' for column in self.core.primary_key.columns)
        statements = [f'alter table "{schema}"."{self.name}" add primary key ({primary})']
        for index in self.indexes:
            columns = ", ".join(f'"{name}"' for name in ("tenant", *index))
            statements.append(f'create index on "{schema}"."{self.name}" ({columns})')
        return statements

    @cached_property
    def ddl(self) -> str:
        """All of it as text, for checksums."""
        return "\n".join([self.create(schema=""), *self.constrain(schema="")])


@dataclass(frozen=True, slots=True)
class Group:
    """All rows of one key of a projection, before a fact."""

    key: str
    rows: tuple[Any, ...] = ()

    def all(self, kind: type[R]) -> list[R]:
        """The rows of one table."""
        return [row for row in self.rows if isinstance(row, kind)]

    def one(self, kind: type[R]) -> R | None:
        """The only row of a table; None if there is none."""
        for row in self.rows:
            if isinstance(row, kind):
                return row
        return None


@dataclass(frozen=True, eq=False)
class Deadline(Generic[R]):
    """An instant at which something is due for a row of a projection.

    `due(row, given)` says when (its `Moment.at`), or None while nothing runs; it is computed again whenever the row, a
    calendar or a rule changes. `fire(row, due_at)` is the command that records it; `Given` holds what `consults` names.
    `sources`: the services whose facts must be complete up to the instant before it fires (the own one always is).
    """

    name: str
    table: Table[R]
    due: Callable[[R, Given], datetime | None]
    fire: Callable[[R, datetime], Attempt]
    consults: tuple[type, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Projection:
    """A read model. `keys(fact)` are the groups it touches; `fold(group, recorded)` gives the group's rows after it.

    Both are pure. Every interleaving of facts that keeps each stream's order must give the same rows. `version` changes
    whenever the rows for the same facts would. `reads` are the fact types that `keys` looks at.
    """

    name: str
    version: int
    reads: tuple[type[Fact], ...]
    tables: tuple[Table[Any], ...]
    keys: Callable[[Any], Sequence[str]]
    fold: Callable[[Group, Recorded[Any]], Sequence[Any]]
    deadlines: tuple[Deadline[Any], ...] = ()

    @cached_property
    def wires(self) -> tuple[str, ...]:
        """The wire names it reads."""
        return tuple(kind.wire for kind in self.reads)

    @cached_property
    def wanted(self) -> str:
        """`name:version`, as `log.enter` takes it."""
        return f"{self.name}:{self.version}"

    @cached_property
    def tables_checksum(self) -> str:
        """Changes with the tables' DDL."""
        return hashlib.sha256("\n".join(table.ddl for table in self.tables).encode()).hexdigest()[:16]

"""A service's database and its three roles: owner of the log, worker for the background, api for requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

ROLES = ("owner", "worker", "api")
LOCK_PROVISIONING = 4711
ROLE_LIMITS = "login nosuperuser nobypassrls nocreatedb nocreaterole noreplication"
Password = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Database:
    """A service's database as each of its three roles reaches it."""

    service: str
    owner_url: str
    worker_url: str
    api_url: str

    @property
    def name(self) -> str:
        """The database's name on its server."""
        return urlsplit(self.owner_url).path.removeprefix("/")


async def provision(dsn: str, service: str, password: Password, *, prefix: str = "", suffix: str = "") -> Database:
    """Create the database `salesloom_<service>` and its roles, or bring them in order; harmless when repeated.

    `dsn` is a superuser's; `password` gives each role's by its name. `prefix` goes before the role names and both
    go around the database's, so that several sets can live in one server.
    """
    database = describe(dsn, service, password, prefix=prefix, suffix=suffix)
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(f"select pg_advisory_lock({LOCK_PROVISIONING})")  # two at once would trip over a role
        await _create_roles(connection, service, password, prefix)
        if not await connection.fetchval("select 1 from pg_database where datname = $1", database.name):
            owner = role_name(service, "owner", prefix)
            await connection.execute(f'create database "{database.name}" owner "{owner}" template template0')
    finally:
        await connection.close(timeout=5)
    await _grant(dsn, database.name, service, prefix)
    return database


async def drop(dsn: str, *names: str) -> None:
    """Remove databases, whoever is connected to them; the roles stay, others may use them."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for name in names:
            await connection.execute(f'drop database if exists "{name}" with (force)')
    finally:
        await connection.close(timeout=5)


def role_name(service: str, role: str, prefix: str = "") -> str:
    """Such as `lead_routing_api`."""
    return f"{prefix}{service.replace('-', '_')}_{role}"


def describe(dsn: str, service: str, password: Password, *, prefix: str = "", suffix: str = "") -> Database:
    """The addresses that `provision` with these arguments gives; asks no server."""
    server = urlsplit(dsn)
    place = f"{server.hostname}:{server.port or 5432}"
    path = f"/{prefix}salesloom_{service.replace('-', '_')}{suffix}"

    def url(role: str) -> str:
        name = role_name(service, role, prefix)
        return urlunsplit(("postgresql", f"{name}:{quote(password(name), safe='')}@{place}", path, server.query, ""))

    return Database(service, *(url(role) for role in ROLES))


async def _create_roles(connection: asyncpg.Connection, service: str, password: Password, prefix: str) -> None:
    for role in ROLES:
        name = role_name(service, role, prefix)
        known = await connection.fetchval("select 1 from pg_roles where rolname = $1", name)
        word = await connection.fetchval("select quote_literal($1::text)", password(name))
        await connection.execute(f'{"alter" if known else "create"} role "{name}" {ROLE_LIMITS} password {word}')


async def _grant(dsn: str, name: str, service: str, prefix: str) -> None:
    """Who may connect, and rights inside. Read models are the worker's: it creates their schemas."""
    owner, worker, api = (role_name(service, role, prefix) for role in ROLES)
    connection = await asyncpg.connect(dsn, database=name, timeout=10)
    try:
        await connection.execute(f"""
            revoke all on database "{name}" from public;
            grant connect, temporary on database "{name}" to "{owner}", "{worker}";
            grant connect on database "{name}" to "{api}";
            grant create on database "{name}" to "{worker}";
            revoke create on schema public from public;
            grant execute on function pg_control_system(), pg_control_checkpoint() to "{owner}";
        """)
    finally:
        await connection.close(timeout=5)

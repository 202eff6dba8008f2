"""What the three roles of a service's database may do, and what not."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from dev.ports import SERVICES
from dev.provision import ROLES, Database, drop, provision
from dev.test_servers import Addresses
from libs.events.schema.migrate import migrate_soon

PREFIX = f"try{os.getpid()}_"


@pytest.fixture
async def dsn(servers: Addresses) -> AsyncIterator[str]:
    yield servers.postgres_dsn
    names = [service.replace("-", "_") for service in SERVICES]
    await drop(servers.postgres_dsn, *(f"{PREFIX}salesloom_{name}" for name in names))
    connection = await asyncpg.connect(servers.postgres_dsn)
    for role in (f"{PREFIX}{name}_{role}" for name in names for role in ROLES):
        await connection.execute(f'drop role if exists "{role}"')
    await connection.close()


def password(role: str) -> str:
    return f"a/b:c@{role}'\""


async def run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_provisioning_the_five_services_twice_gives_the_same_databases(dsn: str) -> None:
    made = [await provision(dsn, service, password, prefix=PREFIX) for service in SERVICES]
    assert made == [await provision(dsn, service, password, prefix=PREFIX) for service in SERVICES]
    for database in made:
        for url in (database.owner_url, database.worker_url, database.api_url):
            await run(url, "select 1")


async def test_the_owner_migrates_and_its_functions_may_ask_which_database_this_is(dsn: str) -> None:
    made = await provision(dsn, "kpi", password, prefix=PREFIX)
    await migrate_soon("kpi", made.owner_url, made.worker_url, made.api_url)
    await run(made.owner_url, "select log.judge('ok', '')")
    empty = """select log.append(now(), '{"commands": [], "facts": []}')"""  # reads the control file as the owner
    await run(made.api_url, empty)
    await run(made.worker_url, empty)


async def test_a_changed_password_is_taken_over(dsn: str) -> None:
    await provision(dsn, "kpi", password, prefix=PREFIX)
    changed = await provision(dsn, "kpi", lambda role: f"new {role}", prefix=PREFIX)
    await run(changed.api_url, "select 1")


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.mine (a int)",
        "create schema mine",
        "create temporary table mine (a int)",
        "select * from log.events",
        "insert into log.cursors (name) values ('x')",
        "set role test_kpi_owner",
        "create database mine",
        "alter role current_user bypassrls",
        "select pg_read_file('/etc/passwd')",
    ],
)
async def test_the_api_role_may_not(database: Callable[[str], Database], statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(database("kpi").api_url, statement)


async def test_the_worker_makes_the_schemas_of_read_models_and_cannot_touch_recorded_facts(
    database: Callable[[str], Database],
) -> None:
    worker = database("kpi").worker_url
    await run(worker, "create schema mine", "create table mine.a (b int)", "select * from log.events")
    for statement in ("delete from log.events", "update log.events set seq = 2", "drop table log.events"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(worker, statement)


async def test_each_database_asked_for_is_another_one(database: Callable[[str], Database]) -> None:
    first, second = database("pipeline"), database("pipeline")
    await run(first.owner_url, "create table public.mine (a int)")
    with pytest.raises(asyncpg.UndefinedTableError):
        await run(second.owner_url, "select * from public.mine")

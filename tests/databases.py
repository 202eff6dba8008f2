"""Fresh databases of services for tests, on whatever server there is."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
import psutil

from dev import provision
from dev.processes import call
from dev.provision import Database
from libs.events.schema.migrate import migrate_soon


@contextmanager
def databases(dsn: str, *, ours: bool) -> Iterator[Callable[[str], Database]]:
    """Yield what makes a fresh, migrated database of a service; they are dropped unless the whole server is `ours`."""
    made, numbers = list[str](), itertools.count(1)
    call(lambda: _drop_abandoned(dsn))

    async def make(service: str) -> Database:
        suffix = f"_test_{os.getpid()}_{next(numbers)}"
        new = await provision.provision(dsn, service, _passwords(dsn), prefix="test_", suffix=suffix)
        made.append(new.name)
        await migrate_soon(service, new.owner_url, new.worker_url, new.api_url)
        await _trust(new)
        return new

    def fresh(service: str) -> Database:
        return call(lambda: make(service))  # in another thread: a test may have a running loop

    yield fresh
    if not ours:
        call(lambda: provision.drop(dsn, *made))


def _passwords(dsn: str) -> Callable[[str], str]:
    """Role passwords that all runs on one server agree on, since they share its roles."""
    key = (urlsplit(dsn).password or "").encode()
    return lambda role: hmac.new(key, role.encode(), hashlib.sha256).hexdigest()


async def _trust(database: Database) -> None:
    """Let a new log take commands without a relay that has compared it with a broker."""
    connection = await asyncpg.connect(database.owner_url, timeout=10)
    try:
        await connection.execute("select log.judge('ok', '')")
    finally:
        await connection.close(timeout=5)


async def _drop_abandoned(dsn: str) -> None:
    """Drop the databases of test runs that were killed."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        names = await connection.fetch(r"select datname from pg_database where datname ~ '_test_\d+_\d+$'")
    finally:
        await connection.close(timeout=5)
    gone = [name for (name,) in names if not psutil.pid_exists(int(name.split("_")[-2]))]
    await provision.drop(dsn, *gone)

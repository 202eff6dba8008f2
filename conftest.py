"""What every test may ask for: real servers, fresh migrated databases, topic names of its own."""

from __future__ import annotations

import gc
import hashlib
import hmac
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from uuid_utils.compat import uuid7

from dev import provision
from dev.processes import Say, Trouble, call
from dev.provision import Database
from dev.test_servers import Addresses, given, servers_for_tests
from libs.events.schema.migrate import migrate_soon

gc.disable()  # collecting garbage while a syntax tree is compiled can fail in Python 3.11, until all tests are loaded
collect_ignore = ["dev/test_servers.py"]

ORIGIN = pytest.StashKey[str]()
RUNNING = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """With xdist, start the servers before its workers, which find them in the environment."""
    controls = getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput")
    try:
        given()
        if controls and not config.option.collectonly:
            addresses = RUNNING.enter_context(servers_for_tests(_say_past_the_capture(config)))
            config.stash[ORIGIN] = addresses.origin
            os.environ.update(addresses.exports())
    except Trouble as trouble:
        raise pytest.UsageError(str(trouble)) from trouble


def pytest_collection_finish() -> None:
    """Everything is compiled: garbage may be collected again."""
    gc.enable()


def pytest_unconfigure() -> None:
    """Stop what was started for the workers."""
    RUNNING.close()


def pytest_report_header(config: pytest.Config) -> str:
    """Which servers this run uses."""
    named = given()
    return f"servers: {config.stash.get(ORIGIN, named.origin if named else 'started when a test asks for them')}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end, too, which servers were used."""
    terminalreporter.write_line(f"servers: {config.stash.get(ORIGIN, 'none was asked for')}")


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Addresses]:
    """PostgreSQL (`postgres_dsn`, a superuser's) and Kafka (`kafka`, its bootstrap address), one pair for the run."""
    with servers_for_tests(_say_past_the_capture(pytestconfig)) as addresses:
        pytestconfig.stash[ORIGIN] = addresses.origin
        yield addresses


@pytest.fixture(scope="session")
def database(servers: Addresses) -> Iterator[Callable[[str], Database]]:
    """`database("pipeline")` makes a fresh, migrated database of a service (0.1 s); all are dropped after the run."""
    dsn, made, numbers = servers.postgres_dsn, list[str](), itertools.count(1)
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
    if not servers.ours:
        call(lambda: provision.drop(dsn, *made))


@pytest.fixture(scope="module")
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """The beginning of a module's topic names, in no other module or run: `test-<module>-<8 digits>.`"""
    module = re.sub(r"[^a-z0-9]+", "-", request.path.stem.lower())
    return f"test-{module}-{uuid7().hex[-8:]}."


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


def _say_past_the_capture(config: pytest.Config) -> Say:
    """A way to tell the person in front of the screen what takes so long."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    return say

"""What every test may ask for: real servers, fresh migrated databases, topic names of its own."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from uuid_utils.compat import uuid7

from dev.processes import Say, Trouble
from dev.provision import Database
from dev.test_servers import Addresses, given, servers_for_tests
from tests.databases import databases

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
    with databases(servers.postgres_dsn, ours=servers.ours) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """The beginning of a module's topic names, in no other module or run: `test-<module>-<8 digits>.`"""
    module = re.sub(r"[^a-z0-9]+", "-", request.path.stem.lower())
    return f"test-{module}-{uuid7().hex[-8:]}."


def _say_past_the_capture(config: pytest.Config) -> Say:
    """A way to tell the person in front of the screen what takes so long."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    return say

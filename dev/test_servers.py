"""The servers that tests use: given, containers or embedded ones; `python -m dev.test_servers` keeps a pair up."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dev.containers import containers
from dev.processes import Say, Trouble, wait_for_the_end
from dev.servers import throw_away

POSTGRES_SETTING = "SALESLOOM_TEST_POSTGRES_DSN"
KAFKA_SETTING = "SALESLOOM_TEST_KAFKA"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where tests find a superuser's PostgreSQL and a Kafka, and in words whose they are."""

    postgres_dsn: str
    kafka: str
    origin: str
    ours: bool  # gone after the run, with all that is in them

    def exports(self) -> dict[str, str]:
        """The settings by which another run uses these servers."""
        return {POSTGRES_SETTING: self.postgres_dsn, KAFKA_SETTING: self.kafka}


def given() -> Addresses | None:
    """The servers that the environment names. Raises Trouble when it names only one of the two."""
    found = [os.environ.get(setting) for setting in (POSTGRES_SETTING, KAFKA_SETTING)]
    match found:
        case [str(dsn), str(kafka)]:
            return Addresses(
                dsn, kafka, f"the running ones that {POSTGRES_SETTING} and {KAFKA_SETTING} name", ours=False
            )
        case [None, None]:
            return None
        case _:
            raise Trouble(f"set both {POSTGRES_SETTING} and {KAFKA_SETTING}, or neither")


@contextmanager
def servers_for_tests(say: Say) -> Iterator[Addresses]:
    """Servers for one test run: those that the environment names, else Testcontainers, else embedded ones."""
    named = given()
    if named is not None:
        yield named
        return
    with containers(say) as found:
        if found is not None:
            yield Addresses(*found, "Testcontainers", ours=True)
            return
    with throw_away(say) as servers:
        yield Addresses(servers.postgres.dsn(), servers.kafka.bootstrap, "embedded PostgreSQL and Kafka", ours=True)


def main() -> int:
    """Start a pair, print two `export` lines, wait for Ctrl-C or SIGTERM."""
    try:
        with throw_away(lambda text: print(f"# {text}", flush=True)) as servers:
            addresses = Addresses(servers.postgres.dsn(), servers.kafka.bootstrap, "", ours=True)
            for name, value in addresses.exports().items():
                print(f"export {name}={value}")
            print("# Give these two lines to the shell that runs the tests. Ctrl-C here ends the servers.", flush=True)
            wait_for_the_end()
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

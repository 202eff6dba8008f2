"""`make run`: servers, services, a simulated working day, a summary; then the product serves until it is stopped."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from datetime import datetime

import psutil
from rich.console import Console
from rich.markup import escape

from dev import places, summary
from dev.attached import written_down
from dev.clients import Clients
from dev.day import diary
from dev.day.dates import FIRST_MONDAY, ZONE
from dev.day.story import live
from dev.places import Places
from dev.ports import issuer_port, require_free, service_ports
from dev.processes import Say, Stopped, stopped_by_signals
from dev.servers import Servers, only_one, starting, wait_for_kafka
from dev.stack import Stack, ports_of, stack
from dev.timeline import Timeline
from libs.events.clock import FileClock

CHECK_FAILED, INTERRUPTED = 1, 130
LOOK_SECONDS = 1.0


def run(*, once: bool, seed: int, day: bool) -> int:
    """The whole run; its exit code: 0, 1 if a check failed with `once`, 130 if stopped before the summary."""
    out = summary.console()
    begun = psutil.Process().create_time()

    def say(text: str) -> None:
        out.print(f"[dim]{time.time() - begun:6.1f} s[/]  {escape(text)}")

    code = INTERRUPTED
    try:
        with stopped_by_signals() as ignore_signals, ExitStack() as exits:
            running, servers = _start(exits, places.development(), say)
            exits.callback(say, "stopping everything")
            exits.callback(ignore_signals)
            say(f"ready {time.time() - begun:.1f} s after the start")
            failed = _day(out, running, servers, seed, say) if day else _no_day(out, running, servers)
            code = CHECK_FAILED if once and failed else 0
            if not once:
                _serve(running, servers, say)
    except Stopped:
        pass
    say("everything has stopped")
    return code


def _start(exits: ExitStack, here: Places, say: Say) -> tuple[Stack, Servers]:
    """Everything up to five ready services; `exits` stops it all."""
    if not here.clock.exists():
        say(f"first start: PostgreSQL and Kafka get their data in {here.data}; later starts are quicker")
        FileClock(here.clock).set(FIRST_MONDAY)
    exits.enter_context(only_one(here, say))
    wanted, issuer = service_ports(), issuer_port()
    require_free(issuer, *(port for pair in wanted.values() for port in pair))
    say("starting PostgreSQL and Apache Kafka")
    servers = exits.enter_context(starting(here, say))
    running = exits.enter_context(
        stack(
            here,
            servers.postgres.dsn(),
            servers.kafka.bootstrap,
            ports_of(wanted),
            issuer.number,
            say,
            wait_for_kafka=lambda: wait_for_kafka(servers, say),
        )
    )
    exits.enter_context(written_down(running))
    return running, servers


def _day(out: Console, running: Stack, servers: Servers, seed: int, say: Say) -> int:
    """Live the next day in a tenant of its own, and show what became of it; how many checks failed."""
    entry = diary.begin(running.places, seed)
    timeline = Timeline(running)
    with closing(timeline), Clients(running, entry.tenant) as clients:
        clients.found(entry.tenant, "演示公司 Demo")
        say(f"a working day of tenant {entry.tenant}, over the HTTP APIs (seed {seed})")

        def tell(at: datetime, what: str) -> None:
            out.print(f"          [cyan]{at.astimezone(ZONE):%a %H:%M:%S}[/]  {escape(what)}")

        lived = live(clients, timeline, seed, tell)
        say("the day is over")
        out.print()
        summary.show_checks(out, lived)
        summary.show_all(out, running, servers, clients)
    return len(lived.checks.failed)


def _no_day(out: Console, running: Stack, servers: Servers) -> int:
    """Show where everything is, with the people of the last day."""
    entry = diary.last(running.places)
    if entry is None:
        summary.show_services(out, running, servers)
    else:
        with Clients(running, entry.tenant) as clients:
            summary.show_all(out, running, servers, clients)
    return 0


def _serve(running: Stack, servers: Servers, say: Say) -> None:
    """Let time run, and say so when a process ends by itself; only a signal ends this."""
    Timeline(running).run()
    say("the clock runs with real time now; Ctrl-C stops everything")
    gone: set[str] = set()
    while True:
        for child in (*running.children, servers.kafka.child, servers.postgres.child):
            if not child.running and child.name not in gone:
                gone.add(child.name)
                say(f"{child.name} has ended with code {child.process.returncode}; see {child.log}")
        time.sleep(LOOK_SECONDS)

"""The operators' part of a service's command line: builds, parked facts, the log."""

from __future__ import annotations

import asyncio
import getpass
import json
from contextlib import suppress
from typing import Annotated

import asyncpg
import typer
from rich.table import Table

from libs.events import operating
from libs.events.projecting import Projection
from libs.events.waking import Head, Wake
from libs.service.command_lines import Configured, console, run
from libs.service.projections_line import projections_line
from libs.service.service import Service

Consumer = Annotated[str, typer.Argument(help="`name:version` of a read model, or `reaction:name`; see `parked list`")]
Tenant = Annotated[str, typer.Argument(help="tenant id")]
Key = Annotated[str, typer.Argument(help="key as `parked list` shows it")]


def add_operators(line: typer.Typer, service: Service, configured: Configured) -> None:
    """Add `projections`, `parked` and `log` to a service's command line."""
    line.add_typer(projections_line(service.name, all_projections(service), configured), name="projections")
    line.add_typer(_parked(configured), name="parked")
    line.add_typer(_log(configured), name="log")


def all_projections(service: Service) -> tuple[Projection, ...]:
    """The read models of a service, the states of its reactions among them."""
    states = (reaction.state for reaction in service.reactions if reaction.state is not None)
    return (*service.projections, *states)


def _parked(configured: Configured) -> typer.Typer:
    line = typer.Typer(help="Facts that could not be folded, and what waits behind them.", no_args_is_help=True)

    @line.command("list")
    def list_keys() -> None:
        """The keys that wait, the oldest first."""
        found = run(configured, operating.parked)
        table = Table("reader", "tenant", "key", "facts", "since", "why")
        for key in found:
            why = f"waits: {key.error}" if key.waits else key.error
            table.add_row(
                key.consumer, key.tenant, key.key, str(key.facts), f"{key.since:%Y-%m-%d %H:%M:%S}", why[:120]
            )
        console.print(table if found else "nothing is parked")

    @line.command()
    def show(consumer: Consumer, tenant: Tenant, key: Key) -> None:
        """The facts of a parked key, in order, with the error."""
        table = Table("position", "type", "stream", "version", "fact", "error")
        for fact in run(configured, lambda pool: operating.parked_facts(pool, consumer, tenant, key)):
            table.add_row(str(fact.seq), fact.type, fact.stream, str(fact.version), str(fact.event_id), fact.error)
        console.print(table)

    @line.command()
    def retry(consumer: Consumer, tenant: Tenant, key: Key) -> None:
        """Have the worker try a key again, after its cause was put right: all its facts in order, or none."""
        facts = run(configured, lambda pool: operating.retry(pool, consumer, tenant, key))
        console.print(f"{facts} facts will be tried again" if facts else "that key is not parked")

    @line.command()
    def skip(
        consumer: Consumer,
        tenant: Tenant,
        key: Key,
        reason: Annotated[str, typer.Option(help="why this fact may be left out; kept for ever")],
    ) -> None:
        """Leave out the first parked fact of a key for good, in rebuilds too, and try the rest."""
        seq = run(
            configured,
            lambda pool: operating.skip(pool, consumer, tenant, key, reason=reason, by=getpass.getuser()),
        )
        console.print("that key is not parked" if seq is None else f"the fact at {seq} is left out; the rest is tried")

    return line


def _log(configured: Configured) -> typer.Typer:
    line = typer.Typer(help="The log itself.", no_args_is_help=True)

    @line.command()
    def tail(
        tenant: Annotated[str | None, typer.Option(help="only this tenant")] = None,
        stream: Annotated[str | None, typer.Option(help="only streams that begin so, e.g. lead-routing/lead-")] = None,
        last: Annotated[int, typer.Option(help="how many positions back", min=0, max=100_000)] = 20,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="go on with those that come")] = False,
    ) -> None:
        """The last facts, one line each: position, time, tenant, stream@version, type, data (sealed parts stay so)."""

        async def work(pool: asyncpg.Pool) -> None:
            head = Head(pool, Wake())
            watching = asyncio.create_task(head.watch())
            async for row in operating.tail(pool, head, tenant=tenant, stream=stream, last=last, follow=follow):
                place = f"{row['stream']}@{row['version']}"
                print(row["seq"], f"{row['recorded_at']:%Y-%m-%dT%H:%M:%S.%fZ}", row["tenant"], place, row["type"],
                      json.dumps(row["data"], ensure_ascii=False), flush=True)  # fmt: skip
            watching.cancel()

        with suppress(KeyboardInterrupt):
            run(configured, work)

    @line.command()
    def stats() -> None:
        """The log in figures: positions, readers, leases, types."""
        _show(run(configured, operating.stats))

    return line


def _show(found: operating.Stats) -> None:
    console.print(
        f"{found.seq:,} facts ({found.own_seq:,} own) in {found.streams:,} streams, {found.bytes / 1e6:,.1f} MB,"
        f" last recorded {found.last_recorded_at or 'never'}, verdict {found.verdict}"
    )
    for title, columns, rows in (
        (
            "readers",
            ("reader", "position", "behind"),
            [(n, f"{s:,}", f"{_behind(found, n, s):,}") for n, s in found.readers],
        ),
        ("received", ("source", "last own_seq of its partitions, summed", "state"), found.ingested),
        ("leases", ("role", "epoch", "holder"), found.leases),
        ("types (of the last 100,000 facts)", ("type", "facts"), found.types),
    ):
        table = Table(*columns, title=title)
        for row in rows:
            table.add_row(*map(str, row))
        console.print(table)


def _behind(stats: operating.Stats, reader: str, seq: int) -> int:
    return (stats.own_seq if reader == "relay" else stats.seq) - seq

"""The operators' part of a service's command line: builds, parked facts, the log."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from libs.events import operating
from libs.events.builds import Builds, Comparison
from libs.events.builds import Progress as BuildProgress
from libs.events.connections import open_pool
from libs.events.projecting import Projection
from libs.events.waking import Head, Wake
from libs.service.service import Service
from libs.service.settings import Settings

Configured = Callable[[], Settings]
Name = Annotated[str, typer.Argument(help="name of a read model, see `projections list`")]
Consumer = Annotated[str, typer.Argument(help="`name:version` of a read model, or `reaction:name`; see `parked list`")]
Tenant = Annotated[str, typer.Argument(help="tenant id")]
Key = Annotated[str, typer.Argument(help="key as `parked list` shows it")]
EXIT_DIFFERENT = 1
EXIT_UNKNOWN = 2

console = Console()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """A few connections as the worker's role, without the time limits of live work."""
    pool = await open_pool(
        settings.worker_url.get_secret_value(), size=4, name=f"{settings.service} operator", transaction_seconds=0
    )
    try:
        yield pool
    finally:
        await pool.close()


def run(configured: Configured, work: Callable[[asyncpg.Pool], Awaitable[Any]]) -> Any:
    """Do something with the service's database; what operators can put right is said without a traceback."""

    async def inside() -> Any:
        async with connected(configured()) as pool:
            return await work(pool)

    try:
        return asyncio.run(inside())
    except LookupError as unknown:
        console.print(f"[red]{unknown.args[0]}[/]")
        raise typer.Exit(EXIT_UNKNOWN) from None


def add_operators(line: typer.Typer, service: Service, configured: Configured) -> None:
    """Add `projections`, `parked` and `log` to a service's command line."""
    line.add_typer(_projections(service, configured), name="projections")
    line.add_typer(_parked(configured), name="parked")
    line.add_typer(_log(configured), name="log")


def all_projections(service: Service) -> tuple[Projection, ...]:
    """The read models of a service, the states of its reactions among them."""
    states = (reaction.state for reaction in service.reactions if reaction.state is not None)
    return (*service.projections, *states)


def _find(service: Service, name: str) -> Projection:
    for projection in all_projections(service):
        if name in {projection.name, projection.wanted}:
            return projection
    known = ", ".join(projection.name for projection in all_projections(service))
    raise LookupError(f"{service.name} has no read model {name!r}; it has {known}")


def _projections(service: Service, configured: Configured) -> typer.Typer:
    line = typer.Typer(help="Read models: their builds, rebuilding, proving, taking back.", no_args_is_help=True)

    @line.command("list")
    def list_builds() -> None:
        """Every build with its state and position."""
        table = Table("read model", "version", "build", "state", "position", "schema")
        for projection, build in run(configured, lambda pool: operating.builds(pool, all_projections(service))):
            numbers = (str(projection.version), str(build.number), build.state, f"{build.cursor:,}")
            table.add_row(projection.name, *numbers, build.schema)
        console.print(table)

    @line.command()
    def rebuild(
        name: Name,
        repair: Annotated[bool, typer.Option(help="put it into service although the live one differs")] = False,
    ) -> None:
        """Build it anew from the log beside the live one, prove both equal, and put the new one into service."""

        async def work(pool: asyncpg.Pool) -> Comparison:
            with _bar(name) as report:
                return (await Builds(pool, _find(service, name)).rebuild(report, repair=repair))[1]

        serves, stays = "the new build serves", "the live build keeps serving; the new one was dropped"
        _say(run(configured, work), serves, serves if repair else stays, fails=not repair)

    @line.command()
    def verify(name: Name) -> None:
        """Build it anew from the log and compare; names the keys that differ. Exit code 1 if any does."""

        async def work(pool: asyncpg.Pool) -> Comparison:
            with _bar(name) as report:
                return await Builds(pool, _find(service, name)).verify(report)

        _say(run(configured, work), "the live build is what the log says", "the live build is not what the log says")

    @line.command()
    def rollback(name: Name) -> None:
        """Put the build that served before back into service."""
        build = run(configured, lambda pool: Builds(pool, _find(service, name)).rollback())
        console.print(f"build {build.number} of {name} serves again")

    return line


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
        found = run(configured, operating.stats)
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

    return line


def _behind(stats: operating.Stats, reader: str, seq: int) -> int:
    return (stats.own_seq if reader == "relay" else stats.seq) - seq


class _bar:  # noqa: N801 - reads as what it is where it is used
    """A progress bar with facts per second and the time left."""

    def __init__(self, name: str) -> None:
        columns = (
            "[bold]{task.description}",
            "{task.completed:,.0f} of {task.total:,.0f} facts",
            "{task.fields[speed]}",
        )
        self._progress = Progress(
            TextColumn(columns[0]), BarColumn(), TextColumn(columns[1]), TextColumn(columns[2]), console=console
        )
        self._task = self._progress.add_task(name, total=1, speed="")

    def __enter__(self) -> Callable[[BuildProgress], None]:
        self._progress.start()
        return self._report

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _report(self, at: BuildProgress) -> None:
        speed = f"{at.facts_per_second:,.0f} facts/s, {at.left.total_seconds():.0f} s left"
        self._progress.update(self._task, completed=at.done, total=max(1, at.total), speed=speed)


def _say(comparison: Comparison, equal: str, different: str, *, fails: bool = True) -> None:
    table = Table("table", "rows live", "rows anew", "checksum live", "checksum anew")
    for name, (live, anew) in comparison.rows.items():
        table.add_row(name, f"{live:,}", f"{anew:,}", *comparison.checksums[name])
    console.print(table)
    if comparison.equal:
        console.print(f"[green]equal at position {comparison.seq:,}: {equal}[/]")
        return
    for name, tenant, key in comparison.differing:
        console.print(f"[red]differs:[/] {name}, tenant {tenant}, key {key}")
    console.print(f"[red]different at position {comparison.seq:,}: {different}[/]")
    if fails:
        raise typer.Exit(EXIT_DIFFERENT)

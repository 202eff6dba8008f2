"""The operators' commands for read models: their builds, rebuilding, proving, taking back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import asyncpg
import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from libs.events import operating
from libs.events.batches import Scope
from libs.events.builds import Build, Builds, Comparison
from libs.events.builds import Progress as BuildProgress
from libs.events.projecting import Projection
from libs.service.command_lines import EXIT_DIFFERENT, Configured, console, run

Find = Callable[[asyncpg.Pool, str], Builds]
Name = Annotated[str, typer.Argument(help="name of a read model, see `projections list`")]


def projections_line(service: str, projections: Sequence[Projection], configured: Configured) -> typer.Typer:
    """`list`, `rebuild`, `drop`, `verify` and `rollback` for these read models of a service."""
    line = typer.Typer(help="Read models: their builds, rebuilding, proving, taking back.", no_args_is_help=True)

    def builds_of(pool: asyncpg.Pool, name: str) -> Builds:
        for projection in projections:
            if name in {projection.name, projection.wanted}:
                return Builds(pool, projection)
        known = ", ".join(projection.name for projection in projections)
        raise LookupError(f"{service} has no read model {name!r}; it has {known}")

    @line.command("list")
    def list_builds() -> None:
        """Every build with its state and position."""
        table = Table("read model", "version", "build", "state", "position", "schema")
        for projection, build in run(configured, lambda pool: operating.builds(pool, projections)):
            numbers = (str(projection.version), str(build.number), build.state, f"{build.cursor:,}")
            table.add_row(projection.name, *numbers, build.schema)
        console.print(table)

    _add_rebuild(line, configured, builds_of)
    _add_proofs(line, configured, builds_of)
    return line


def _add_rebuild(line: typer.Typer, configured: Configured, builds_of: Find) -> None:
    @line.command()
    def rebuild(
        name: Name,
        repair: Annotated[bool, typer.Option(help="put it into service although the live one differs")] = False,
        at: Annotated[
            str | None,
            typer.Option(help="a position of the log or an instant with its zone: as it was then, beside the live one"),
        ] = None,
        tenant: Annotated[str | None, typer.Option(help="only this tenant's rows; --repair puts them right")] = None,
    ) -> None:
        """Build it anew from the log beside the live one, prove both equal, and put the new one into service."""
        if at is not None:
            if repair:
                raise typer.BadParameter("a build of an earlier state never serves: leave out --repair")
            _look_back(name, _scope(at, tenant))
            return

        async def work(pool: asyncpg.Pool) -> Comparison:
            with _bar(name) as report:
                if tenant is not None:
                    return await builds_of(pool, name).rebuild_tenant(tenant, report, repair=repair)
                return (await builds_of(pool, name).rebuild(report, repair=repair))[1]

        comparison = run(configured, work)
        if tenant is None:
            serves, stays = "the new build serves", "the live build keeps serving; the new one was dropped"
        else:
            serves, stays = (
                f"the rows of {tenant} are what the log says",
                "nothing was changed; --repair puts them right",
            )
        _say(comparison, serves, serves if repair else stays, fails=not repair)

    def _look_back(name: str, scope: Scope) -> None:
        async def work(pool: asyncpg.Pool) -> Build:
            with _bar(name) as report:
                return await builds_of(pool, name).look_back(scope, report)

        build = run(configured, work)
        until = f", of facts recorded by {scope.recorded_by.isoformat()}" if scope.recorded_by else ""
        console.print(f"build {build.number} of {name} is as of position {build.target:,}{until}; it serves nobody")
        console.print(f'look at it in the schema "{build.schema}"; `projections drop {name} {build.number}` removes it')

    @line.command()
    def drop(name: Name, number: Annotated[int, typer.Argument(help="its number in `projections list`")]) -> None:
        """Drop a build that does not serve."""
        build = run(configured, lambda pool: builds_of(pool, name).drop(number))
        console.print(f"build {build.number} of {name} is gone")


def _add_proofs(line: typer.Typer, configured: Configured, builds_of: Find) -> None:
    @line.command()
    def verify(name: Name) -> None:
        """Build it anew from the log and compare; names the keys that differ. Exit code 1 if any does."""

        async def work(pool: asyncpg.Pool) -> Comparison:
            with _bar(name) as report:
                return await builds_of(pool, name).verify(report)

        _say(run(configured, work), "the live build is what the log says", "the live build is not what the log says")

    @line.command()
    def rollback(name: Name) -> None:
        """Put the build that served before back into service."""
        build = run(configured, lambda pool: builds_of(pool, name).rollback())
        console.print(f"build {build.number} of {name} serves again")


def _scope(at: str, tenant: str | None) -> Scope:
    """What `--at` means: a position of this log, or an instant by which facts were recorded."""
    if at.isdecimal():
        return Scope(as_of=int(at), tenant=tenant)
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter(f"{at}: a position such as 120000, or an instant such as 2026-03-02T09:00:00+08:00")
    return Scope(recorded_by=instant, tenant=tenant)


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

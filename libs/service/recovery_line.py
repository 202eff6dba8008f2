"""The operators' commands after a loss: what is wrong, taking facts back from Kafka, publishing them again, effects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import asyncpg
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from libs.events import doctor as examination
from libs.events import doctor_topics, operating
from libs.events.clock import Clock
from libs.events.publishing import Standstill, republish
from libs.events.rereading import Hole
from libs.events.restoring import NotRestored, Report, Restored, Restorer
from libs.service.command_lines import EXIT_DIFFERENT, EXIT_UNKNOWN, Configured, console, run
from libs.service.operators import all_projections
from libs.service.service import Service

Ids = Annotated[list[UUID] | None, typer.Argument(help="ids as `effects list` shows them; none: all of that state")]
State = Annotated[str, typer.Option(help="held or failed")]


def add_recovery(line: typer.Typer, service: Service, configured: Configured) -> None:
    """Add `doctor`, `restore`, `republish` and `effects` to a service's command line."""
    _doctor(line, service, configured)
    _restore(line, service, configured)
    _republish(line, service, configured)
    line.add_typer(_effects(configured), name="effects")


def _doctor(line: typer.Typer, service: Service, configured: Configured) -> None:
    @line.command()
    def doctor(
        full: Annotated[bool, typer.Option("--full", help="read the whole log, topic and read models, too")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="one JSON object a finding")] = False,
    ) -> None:
        """Examine the log, the broker and the read models; says what to do about each finding. Exit code 1 if any."""
        settings = configured()
        checks = [*examination.QUICK, *doctor_topics.QUICK]
        checks += [*examination.THOROUGH, *doctor_topics.THOROUGH] if full else []
        clock: Clock = settings.business_clock()

        async def work(pool: asyncpg.Pool) -> list[examination.Finding]:
            patient = examination.Patient(
                service.name,
                service.listens,
                all_projections(service),
                pool,
                settings.broker,
                settings.topics,
                clock.now(),
            )
            return [finding for check in checks for finding in await check(patient)]

        found = run(configured, work)
        if as_json:
            for finding in found:
                print(json.dumps(asdict(finding), ensure_ascii=False))
        elif found:
            table = Table("check", "found", "what to do")
            for finding in found:
                table.add_row(finding.check, finding.what, finding.remedy)
            console.print(table)
        else:
            console.print(f"[green]{len(checks)} checks of {service.name}: nothing found[/]")
        if found:
            raise typer.Exit(EXIT_DIFFERENT)


def _restore(line: typer.Typer, service: Service, configured: Configured) -> None:
    @line.command()
    def restore(
        source: Annotated[str, typer.Option("--from", help="where from; `kafka` is the only place")],
        without_keys: Annotated[
            bool, typer.Option("--without-keys", help="although no key is there that opens personal fields")
        ] = False,
    ) -> None:
        """Take own facts that this database lost back from Kafka. Stop the service's workers first."""
        if source != "kafka":
            console.print(f"[red]--from {source}: facts can be taken back from `kafka` only[/]")
            raise typer.Exit(EXIT_UNKNOWN)
        settings = configured()

        async def work(pool: asyncpg.Pool) -> Restored:
            with _bar(f"{service.name} from Kafka") as report:
                restorer = Restorer(service.name, service.reactions, pool, settings.broker, settings.topics)
                return await restorer.restore(report, without_keys=without_keys)

        try:
            done = run(configured, work)
        except (NotRestored, Standstill, Hole) as trouble:
            console.print(f"[red]{trouble}[/]")
            raise typer.Exit(EXIT_DIFFERENT) from None
        console.print(
            f"[green]{done.facts:,} facts and the answers of {done.commands:,} commands are back;"
            f" the log goes to own_seq {done.own_seq:,}[/]"
        )
        if done.last_sign is not None:
            console.print(f"effects of facts recorded up to {done.last_sign:%Y-%m-%d %H:%M:%S %Z} will be held:")
            console.print("look at `effects list` once the workers have caught up")
        console.print("Start the workers: they read the other services' facts again, and lift the verdict.")


def _republish(line: typer.Typer, service: Service, configured: Configured) -> None:
    @line.command("republish")
    def publish_again(
        feed: Annotated[str | None, typer.Option(help="a tenant: its feed for partners instead of the log")] = None,
    ) -> None:
        """Publish everything again under the same numbers, from the first to the last; readers drop what they know."""
        topics = configured().topics
        place = ("relay", "relay", topics.log(service.name))
        if feed is not None:
            place = ("feeds", f"feed:{feed}", topics.feed(feed, service.name))
        upto = run(configured, lambda pool: republish(pool, *place))
        console.print(f"{place[-1]} is published again up to number {upto:,}; see `log stats` for how far it is")


def _effects(configured: Configured) -> typer.Typer:
    line = typer.Typer(help="What goes outside and waits for a decision.", no_args_is_help=True)

    @line.command("list")
    def list_effects() -> None:
        """Effects that are held after a restore, or were given up."""
        found = run(configured, operating.effects)
        table = Table("id", "state", "tenant", "kind", "since", "why")
        for one in found:
            since = f"{one.created_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(str(one.effect_id), one.state, one.tenant, one.kind, since, one.detail[:120])
        console.print(table if found else "no effect waits for a decision")

    @line.command()
    def send(ids: Ids = None, state: State = "held") -> None:
        """Have them delivered."""
        console.print(f"{run(configured, lambda pool: operating.send_effects(pool, state, ids))} will be delivered")

    @line.command()
    def drop(ids: Ids = None, state: State = "held") -> None:
        """Leave them undelivered for good."""
        console.print(f"{run(configured, lambda pool: operating.drop_effects(pool, state, ids))} dropped")

    return line


@contextmanager
def _bar(title: str) -> Iterator[Report]:
    columns = (TextColumn("[bold]{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=1)
        yield lambda at: progress.update(task, completed=at.done, total=max(1, at.total))

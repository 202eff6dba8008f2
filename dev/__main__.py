"""The machine room's command line: `python -m dev`."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from dev import jars, places
from dev.attached import attached
from dev.clients import Clients
from dev.day import diary
from dev.day.dates import ZONE, later
from dev.processes import Trouble, wait_for_the_end
from dev.run import run
from dev.servers import only_one, running
from dev.timeline import Timeline

app = typer.Typer(help="Salesloom's development stack.", no_args_is_help=True, pretty_exceptions_enable=False)
jar_commands = typer.Typer(help="Kafka's jars.", no_args_is_help=True)
app.add_typer(jar_commands, name="jars")


@app.callback()
def entry() -> None:
    """Salesloom's development stack."""


@app.command()
def servers() -> None:
    """Start PostgreSQL and Kafka on the data of `.data`, say where they listen, stop them at Ctrl-C."""
    here = places.development()
    with only_one(here, typer.echo), running(here, typer.echo) as started:
        typer.echo(f"PostgreSQL: {started.postgres.dsn()}")
        typer.echo(f"Kafka:      {started.kafka.bootstrap}")
        typer.echo(f"data and logs: {here.data}; Ctrl-C stops both")
        sys.stdout.flush()
        wait_for_the_end()


@app.command("run")
def run_everything(
    once: Annotated[bool, typer.Option("--once", help="end after the summary; exit code 1 if a check failed")] = False,
    seed: Annotated[int, typer.Option(help="what the day is invented from", min=0, max=999_999)] = 42,
    day: Annotated[bool, typer.Option("--day/--no-day", help="live a working day first")] = True,
) -> None:
    """Start everything, live a working day over HTTP, show what became of it, serve until Ctrl-C."""
    raise typer.Exit(run(once=once, seed=seed, day=day))


@app.command()
def token(
    person: Annotated[str, typer.Argument(help="such as he-jing")],
    tenant: Annotated[str | None, typer.Option(help="the tenant; that of the last day if not given")] = None,
) -> None:
    """Print an access token of a demo person."""
    running, last = attached(places.development()), diary.last(places.development())
    asked = Clients(running, tenant or (last.tenant if last else ""))
    typer.echo(asked.token(person))


@app.command()
def advance(to: Annotated[str, typer.Argument(help="18:00 or 2026-03-13T18:00, in Shanghai")]) -> None:
    """Move the clock of the running services forward; everything that is due on the way happens at its own moment."""
    timeline = Timeline(attached(places.development()))
    timeline.advance(later(to, timeline.now))
    timeline.run()
    typer.echo(f"it is {timeline.now.astimezone(ZONE):%a %Y-%m-%d %H:%M:%S} in Shanghai")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def line(context: typer.Context, service: Annotated[str, typer.Argument(help="such as lead-routing")]) -> None:
    """Run a command of a service's command line with the settings of the running stack, e.g. `kpi projections list`."""
    members = attached(places.development()).members
    if service not in members:
        raise Trouble(f"there is no service {service}: one of {', '.join(members)}")
    member = members[service]
    command = [*member.command[:-1], *context.args]
    raise typer.Exit(subprocess.run(command, env=dict(member.environment), check=False).returncode)


@jar_commands.command()
def relock() -> None:
    """Resolve Kafka's jars anew and write their SHA-256 to dev/kafka-jars.lock."""
    typer.echo(f"{jars.relock()} jars in {jars.LOCK.name}")


def main() -> int:
    """Run a command; what a person can put right is said without a traceback."""
    try:
        app()
    except Trouble as trouble:
        typer.echo(str(trouble), err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The machine room's command line: `python -m dev`."""

from __future__ import annotations

import sys

import typer

from dev import jars, places
from dev.processes import Trouble, wait_for_the_end
from dev.servers import only_one, running

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

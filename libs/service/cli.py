"""The command line of a service: `python -m services.<name> serve|api|worker|migrate|…`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

import structlog
import typer
import uvloop
from pydantic import ValidationError

from libs.events.failpoints import arm
from libs.events.garbage import collect_rarely
from libs.events.schema.migrate import migrate as migrate_schema
from libs.events.waking import Wake
from libs.events.worker import Worker
from libs.service.app import create_app
from libs.service.guards import PREFIX
from libs.service.health import Check, Heart, api_checks, health_app, worker_checks
from libs.service.jobs import add_jobs
from libs.service.keys_line import keys_line
from libs.service.kms import KmsRefused, with_opened_keys
from libs.service.opening import opened
from libs.service.operators import add_operators
from libs.service.recovery_line import add_recovery
from libs.service.server import Server, Work, serve_until_told, server
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.telemetry import configure_logs, configure_traces
from libs.service.working import opened_worker

EX_CONFIG = 78
_log = structlog.get_logger(__name__)


def main(service: Service) -> None:
    """Run the command line of this service."""
    command_line(service)()


def command_line(service: Service) -> typer.Typer:
    """The commands of a service; a service may add its own before running it."""
    line = typer.Typer(name=service.name, help=service.title, no_args_is_help=True, pretty_exceptions_enable=False)

    @line.command()
    def serve() -> None:
        """API and worker in one process, for laptops and tests."""
        uvloop.run(_run(service, configured(service), api=True, worker=True))

    @line.command()
    def api() -> None:
        """Serve HTTP requests; scale these out."""
        uvloop.run(_run(service, configured(service), api=True, worker=False))

    @line.command()
    def worker() -> None:
        """Do the background work: relay, ingest, read models, deadlines, reactions, effects. A second one stands by."""
        uvloop.run(_run(service, configured(service), api=False, worker=True))

    @line.command()
    def migrate() -> None:
        """Bring the database up to the schema of the log that this code needs."""
        settings = configured(service)
        urls = [url.get_secret_value() for url in (settings.owner_url, settings.worker_url, settings.api_url)]
        migrate_schema(service.name, *urls)
        _log.info("migrated")

    add_operators(line, service, lambda: configured(service))
    add_recovery(line, service, lambda: configured(service))
    line.add_typer(keys_line(lambda: configured(service)), name="keys")
    if service.jobs:
        add_jobs(line, service, lambda: configured(service))
    return line


def configured(service: Service) -> Settings:
    """The settings of this process, made ready by them; ends it with 78 and the setting's name if they do not fit."""
    try:
        settings = with_opened_keys(Settings(service=service.name))
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            print(f"{'.'.join(map(str, one['loc']))}: {one['msg']}", file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    except KmsRefused as refused:
        print(refused, file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    configure_logs(service.name, settings.log_level)
    arm(settings.failpoints)
    collect_rarely()
    return settings


async def _run(service: Service, settings: Settings, *, api: bool, worker: bool) -> None:
    """Run what was asked for until SIGTERM or SIGINT, the health application beside it."""
    if api and settings.environment == "production" and not settings.issuer:
        print(f"{PREFIX}ISSUER: an API needs to know who issues its tokens", file=sys.stderr)
        raise typer.Exit(EX_CONFIG)
    traces = configure_traces(settings)
    heart = Heart()
    draining = asyncio.Event()
    async with AsyncExitStack() as stack:
        servers: list[Server] = []
        work: list[Work] = [heart.run]
        checks: dict[str, Check] = {}
        wake, folded = Wake(), Wake()
        clock = settings.business_clock()
        working: Worker | None = None
        if worker:
            working = await stack.enter_async_context(
                opened_worker(service, settings, clock=clock, wake=wake, folded=folded)
            )
            work.append(working.run)
            checks |= worker_checks(working)
        if api:
            equipment = await stack.enter_async_context(
                opened(service, settings, folded=folded, clock=clock, wake=wake, draining=draining)
            )
            servers.append(server(create_app(service, equipment), settings.host, settings.port))
            checks |= api_checks(equipment)
        health = health_app(heart, checks, draining, working if settings.environment == "development" else None)
        servers.append(server(health, settings.host, settings.health_port))
        _log.info("serving", port=settings.port if api else None, health_port=settings.health_port, worker=worker)
        await serve_until_told(servers, work, draining)
    if traces is not None:
        await asyncio.to_thread(traces.shutdown)
    _log.info("stopped")

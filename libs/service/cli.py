"""The command line of a service: `python -m services.<name> serve|api|migrate|…`."""

from __future__ import annotations

import asyncio
import sys

import structlog
import typer
import uvloop
from pydantic import ValidationError

from libs.events.schema.migrate import migrate as migrate_schema
from libs.service.app import create_app
from libs.service.health import Heart, api_checks, health_app
from libs.service.opening import opened
from libs.service.server import serve_until_told, server
from libs.service.service import Service
from libs.service.settings import Settings
from libs.service.telemetry import configure_logs, configure_traces

EX_CONFIG = 78
_log = structlog.get_logger(__name__)


def main(service: Service) -> None:
    """Run the command line of this service."""
    command_line(service)()


def command_line(service: Service) -> typer.Typer:
    """The commands of a service; a service may add its own before running it."""
    line = typer.Typer(name=service.name, help=service.title, no_args_is_help=True, pretty_exceptions_enable=False)

    @line.command()
    def api() -> None:
        """Serve HTTP requests; scale these out."""
        settings = configured(service)
        uvloop.run(_serve(service, settings))

    @line.command()
    def migrate() -> None:
        """Bring the database up to the schema of the log that this code needs."""
        settings = configured(service)
        urls = [url.get_secret_value() for url in (settings.owner_url, settings.worker_url, settings.api_url)]
        migrate_schema(service.name, *urls)
        _log.info("migrated")

    return line


def configured(service: Service) -> Settings:
    """The settings of this process; ends it with 78 and the setting's name if they do not fit."""
    try:
        settings = Settings(service=service.name)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            print(f"{'.'.join(map(str, one['loc']))}: {one['msg']}", file=sys.stderr)
        raise typer.Exit(EX_CONFIG) from None
    configure_logs(service.name, settings.log_level)
    return settings


async def _serve(service: Service, settings: Settings) -> None:
    traces = configure_traces(settings)
    heart = Heart()
    async with opened(service, settings) as equipment:
        health = health_app(heart, api_checks(equipment), equipment.draining)
        servers = [
            server(create_app(service, equipment), settings.host, settings.port),
            server(health, settings.host, settings.health_port),
        ]
        _log.info("serving", port=settings.port, health_port=settings.health_port)
        await serve_until_told(servers, [heart.run], equipment.draining)
    if traces is not None:
        await asyncio.to_thread(traces.shutdown)
    _log.info("stopped")

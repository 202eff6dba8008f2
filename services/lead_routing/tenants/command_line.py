"""`python -m services.lead_routing tenants add|list|feed|suspend`: for operators of the whole installation."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Callable
from typing import Annotated
from uuid import UUID, uuid5

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from libs.events.clock import Clock
from libs.events.contracts.lead_routing import FeedTurnedOff, FeedTurnedOn, TenantAdded, TenantSuspended
from libs.events.deciding import C, Decider
from libs.events.errors import NotFound, Rejected, Restoring, Unavailable
from libs.events.facts import REGISTRY, SERVICES, Actor
from libs.events.log import close_log, open_log
from libs.events.running import Outcome, Request, Runner
from libs.events.topics import FROM_PARTNERS, ensure_topics
from libs.events.wire import Topics
from libs.service.settings import Settings
from services.lead_routing.tenants.domain import (
    ADD_TENANT,
    SUSPEND_TENANT,
    TURN_FEED,
    AddTenant,
    SuspendTenant,
    TurnFeed,
)

COMMANDS = UUID("8a8e0b0c-7a0f-5a2f-9a36-2d6c2e8f4b11")
EXIT_REFUSED = 1

Tenant = Annotated[str, typer.Argument(help="opaque tenant id: 8 to 40 of a-z and 0-9, no company name")]
Configured = Callable[[], Settings]
console = Console()


def tenants_line(configured: Configured) -> typer.Typer:
    """The tenants' part of lead-routing's command line."""
    line = typer.Typer(help="Tenants of this installation.", no_args_is_help=True)
    feed = typer.Typer(help="A tenant's topics for partners.", no_args_is_help=True)
    line.add_typer(feed, name="feed")

    @line.command()
    def add(
        tenant: Tenant,
        name: Annotated[str, typer.Option(help="the organisation's name")],
        admin: Annotated[str, typer.Option(help="person id of the first administrator, as tokens name it")],
        admin_name: Annotated[str, typer.Option(help="the administrator's name; the id if not given")] = "",
        locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    ) -> None:
        """Add an organisation with the shipped calendar and its first administrator. Twice is harmless."""
        fields = {"name": name, "locale": locale, "admin_id": admin, "admin_name": admin_name or admin}
        _do(configured, tenant, ADD_TENANT, lambda: AddTenant.model_validate({"tenant_id": tenant, **fields}))
        console.print(f"tenant {tenant} is there; {admin} administers it")

    @line.command("list")
    def list_tenants() -> None:
        """Every tenant with its state."""
        table = Table("tenant", "name", "locale", "administrator", "feed", "state")
        for row in asyncio.run(_all(configured())):
            table.add_row(*row)
        console.print(table)

    @line.command()
    def suspend(tenant: Tenant, reason: Annotated[str, typer.Option(help="why; kept for ever")]) -> None:
        """Record that an organisation is suspended."""
        _do(configured, tenant, SUSPEND_TENANT, lambda: SuspendTenant(tenant_id=tenant, reason=reason))
        console.print(f"tenant {tenant} is suspended")

    @feed.command()
    def on(
        tenant: Tenant,
        partitions: Annotated[int, typer.Option(help="per topic, for ever", min=1, max=100)] = 3,
    ) -> None:
        """Publish its facts for its partners, from the beginning of history; makes the topics and prints the ACLs."""
        settings = configured()
        _do(configured, tenant, TURN_FEED, lambda: TurnFeed(tenant_id=tenant, on=True, partitions=partitions))
        asyncio.run(_make_topics(settings, tenant, partitions))
        console.print(acls(settings.topics, tenant), soft_wrap=True, highlight=False)

    @feed.command()
    def off(tenant: Tenant) -> None:
        """Publish nothing more for the organisation's partners; what is there stays."""
        _do(configured, tenant, TURN_FEED, lambda: TurnFeed(tenant_id=tenant, on=False))
        console.print(f"nothing more is published for partners of {tenant}")

    return line


def acls(topics: Topics, tenant: str) -> str:
    """The rights a partner of a tenant needs, as `kafka-acls` takes them; prefixes end with the dot."""
    prefix = topics.feed(tenant, SERVICES[0]).removesuffix(f"{SERVICES[0]}.v1")
    user = f"--allow-principal User:partner-{tenant}"
    prefixed = "--resource-pattern-type prefixed"
    rights = [
        f"--operation Read --operation Describe --topic {prefix} {prefixed}",
        f"--operation Read --group {prefix} {prefixed}",
        f"--operation Write --operation Describe --topic {topics.signals(tenant)}",
    ]
    return "\n".join(f"kafka-acls --add {user} {right}" for right in rights)


async def _make_topics(settings: Settings, tenant: str, partitions: int) -> None:
    topics = settings.topics
    feeds = {topics.feed(tenant, service): partitions for service in SERVICES}
    await ensure_topics(settings.broker, {**feeds, topics.rejected(tenant): partitions})
    await ensure_topics(settings.broker, {topics.signals(tenant): partitions}, settings=FROM_PARTNERS)


def _do(configured: Configured, tenant: str, decider: Decider[C], command: Callable[[], C]) -> Outcome:
    try:
        return asyncio.run(_run(configured(), tenant, decider, command()))
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            console.print(f"[red]{'.'.join(map(str, one['loc']))}: {one['msg']}[/]")
    except (Rejected, NotFound, Restoring, Unavailable) as refusal:
        console.print(f"[red]{refusal}[/]")
    raise typer.Exit(EXIT_REFUSED)


async def _run(settings: Settings, tenant: str, decider: Decider[C], command: C) -> Outcome:
    clock: Clock = settings.business_clock()
    log = await open_log(settings.service, settings.worker_url.get_secret_value(), size=2)
    try:
        actor = Actor(kind="user", id=f"operator-{getpass.getuser()}")
        identity = f"{tenant} {decider.name} {command.model_dump_json()} {clock.now().isoformat()}"
        return await Runner(log, clock).run(decider, command, Request(tenant, actor, uuid5(COMMANDS, identity)))
    finally:
        await close_log(log)


async def _all(settings: Settings) -> list[tuple[str, ...]]:
    log = await open_log(settings.service, settings.worker_url.get_secret_value(), size=2)
    try:
        rows = await log.pool.fetch(
            "select tenant, type, data from log.events where type = any($1) order by seq",
            [kind.wire for kind in (TenantAdded, TenantSuspended, FeedTurnedOn, FeedTurnedOff)],
        )
    finally:
        await close_log(log)
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        match REGISTRY.read(row["type"], row["data"]):
            case TenantAdded(name=name, locale=locale, admin_id=admin):
                entry = {"name": name, "locale": locale, "admin": admin, "feed": "off", "state": "active"}
                found[row["tenant"]] = entry
            case TenantSuspended():
                found[row["tenant"]]["state"] = "suspended"
            case FeedTurnedOn():
                found[row["tenant"]]["feed"] = "on"
            case FeedTurnedOff():
                found[row["tenant"]]["feed"] = "off"
            case _:
                pass
    return [(tenant, *entry.values()) for tenant, entry in found.items()]

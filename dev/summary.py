"""What a person sees after the start: what was checked, where everything answers, who can sign in, what to try."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dev import postgres
from dev.clients import Clients
from dev.day.cast import OWNER, PEOPLE, WANG
from dev.day.dates import ZONE
from dev.day.story import Lived
from dev.places import ROOT
from dev.servers import Servers
from dev.stack import Stack
from libs.events.wire import Topics

NARROWEST = 120
DEV = ".venv/bin/python -m dev"


def console() -> Console:
    """Where a run tells what it does; wide enough for addresses when nobody looks at a terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=max(found.width, NARROWEST))


def show_checks(out: Console, lived: Lived) -> None:
    """Every check of the day, green or red, and how many read models were made anew."""
    table = Table(title="What must be so after this day", box=SIMPLE_HEAD, title_justify="left")
    for column in ("", "check", "found"):
        table.add_column(column)
    for check in lived.checks:
        mark = "[green]✓[/]" if check.held else "[red]✗[/]"
        wanted = "" if check.held else f"\n[red]expected: {escape(check.expected)}[/]"
        table.add_row(mark, escape(check.name), f"{escape(check.found)}{wanted}")
    out.print(table)
    if lived.rebuilt:
        services = dict.fromkeys(one.service for one in lived.rebuilt)
        parts = [_of_service(lived, service) for service in services]
        out.print(f"Read models made anew from the log, old and new bit for bit equal: {', '.join(parts)}\n")
    failed = lived.checks.failed
    verdict = f"[red]{len(failed)} of {len(lived.checks)} checks failed[/]"
    out.print(f"[green]all {len(lived.checks)} checks held[/]\n" if not failed else f"{verdict}\n")


def _of_service(lived: Lived, service: str) -> str:
    of_it = [one for one in lived.rebuilt if one.service == service]
    equal = sum(one.equal for one in of_it)
    return f"{service} {equal} of {len(of_it)} ({sum(one.rows for one in of_it):,} rows)"


def show_all(out: Console, running: Stack, servers: Servers, clients: Clients) -> None:
    """The board, where everything is, who works here, what to try."""
    show_board(out, clients)
    show_services(out, running, servers)
    show_people(out, clients)
    show_what_to_try(out, running)


def show_board(out: Console, clients: Clients) -> None:
    """The weekly board and the open deals, as the process owner sees them now."""
    board = clients.get(OWNER.person_id, "alerting", "/v1/boards/weekly")
    table = Table(title=f"The board of week {board['week']}", box=SIMPLE_HEAD, title_justify="left")
    for column in ("band", "rule", "owner", "what"):
        table.add_column(column)
    for item in board["items"]:
        table.add_row(item["band"], item["rule_code"], _name(item["owner_id"]), escape(item["summary"] or ""))
    out.print(table)
    deals = clients.get(OWNER.person_id, "pipeline", "/v1/opportunities")["items"]
    table = Table(title="Deals", box=SIMPLE_HEAD, title_justify="left")
    for column in ("state", "stage", "customer", "owner", "amount"):
        table.add_column(column, justify="right" if column == "amount" else "left")
    for deal in deals:
        table.add_row(deal["state"], deal["stage"], escape(deal["name"]), _name(deal["owner_id"]), _amount(deal))
    out.print(table)


def _name(person_id: str | None) -> str:
    names = {person.person_id: person.name for person in PEOPLE}
    return escape(names.get(person_id or "", person_id or ""))


def _amount(deal: Any) -> str:
    return f"{deal['currency']} {float(deal['amount']):,.0f}" if deal["amount"] else ""


def show_services(out: Console, running: Stack, servers: Servers) -> None:
    """Where everything answers and keeps what it has."""
    table = Table(title="Where to look", box=SIMPLE_HEAD, title_justify="left")
    for column in ("service", "API documents", "health"):
        table.add_column(column, no_wrap=True)
    for name, member in running.members.items():
        table.add_row(name, f"{member.api}/docs", f"{member.health}/readyz")
    out.print(table)
    topics = Topics(running.prefix)
    logs = ", ".join(topics.log(name) for name in running.members)
    databases = ", ".join(member.database.name for member in running.members.values())
    logs_folder = running.places.logs
    shown = logs_folder.relative_to(ROOT) if logs_folder.is_relative_to(ROOT) else logs_folder
    lines = (
        ("OpenAPI", "/openapi.json of each service; what every error code means: /problems"),
        ("metrics", "/metrics beside /readyz"),
        ("issuer", f"{running.issuer} (people: {running.issuer}/people)"),
        ("PostgreSQL", servers.postgres.dsn()),
        ("", f"databases {databases}"),
        ("Kafka", f"{servers.kafka.bootstrap}; topics {logs}"),
        ("logs", f"{shown}/<service>.log, kafka.log, postgres.log"),
        ("data", f"{running.places.data}, removed by `make clean`"),
        ("clock", f"{running.clock.now().astimezone(ZONE):%a %Y-%m-%d %H:%M:%S} in Shanghai"),
    )
    for name, value in lines:
        out.print(f"  [bold]{name:<11}[/]{escape(value)}", soft_wrap=True)
    out.print()


def show_people(out: Console, clients: Clients) -> None:
    """Who can sign in, and how one gets a token."""
    table = Table(title=f"Who works here (tenant {clients.tenant})", box=SIMPLE_HEAD, title_justify="left")
    for column in ("person", "name", "role", "team", "reports to"):
        table.add_column(column)
    table.add_row(clients.admin, "administrator", "process-owner, operator", "", "")
    for one in PEOPLE:
        table.add_row(one.person_id, one.name, one.role, one.team or "", _name(one.manager))
    out.print(table)
    asked = f'{{"person": "{OWNER.person_id}", "tenant": "{clients.tenant}"}}'
    command = f"curl -s -X POST {clients.stack.issuer}/token -H 'content-type: application/json' -d '{asked}'"
    out.print("A token for anybody of them, for 15 minutes (`access_token` of the answer):")
    out.print(f"  {escape(command)}", soft_wrap=True)
    out.print(f"One of {OWNER.name} ({OWNER.role}), who sees everything:")
    out.print(f"  {clients.token(OWNER.person_id)}\n", soft_wrap=True)


def show_what_to_try(out: Console, running: Stack) -> None:
    """A few commands to go on with."""
    api = {name: member.api for name, member in running.members.items()}
    signed = 'curl -s -H "Authorization: Bearer $TOKEN"'
    tries = (
        ("sign in", f"TOKEN=$({DEV} token {OWNER.person_id})"),
        ("the board", f"{signed} {api['alerting']}/v1/boards/weekly"),
        ("alerts", f"{signed} '{api['alerting']}/v1/alerts?state=firing'"),
        ("leads", f"{signed} '{api['lead-routing']}/v1/leads?limit=5'"),
        ("deals", f"{signed} '{api['pipeline']}/v1/opportunities?state=open'"),
        ("the funnel", f"{signed} '{api['kpi']}/v1/reports/funnel?by=owner'"),
        ("follow changes", f'curl -sN -H "Authorization: Bearer $TOKEN" {api["lead-routing"]}/v1/stream?resource=lead'),
        ("move the clock", f"{DEV} advance 18:00  # what is due on the way happens at its own moment"),
        ("prove a read model", f"{DEV} line alerting projections verify alerts"),
        ("the log itself", f"{DEV} line pipeline log tail"),
        ("SQL", f"{_psql()} '{running.members['lead-routing'].database.worker_url}'"),
        ("as a rep", f"TOKEN=$({DEV} token {WANG.person_id})  # sees only his own leads and deals"),
    )
    out.print("[bold]What to try next[/]")
    for name, command in tries:
        out.print(f"  {name:<19}{escape(command)}", soft_wrap=True)
    out.print()


def _psql() -> str:
    program = postgres.PROGRAMS / "psql"
    return str(program.relative_to(ROOT) if program.is_relative_to(ROOT) else program)

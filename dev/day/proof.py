"""After the day: the figures agree with the facts behind them, and every read model is what its log says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import asyncpg
import httpx2

from dev.day.cast import DIRECTOR, WANG
from dev.day.dates import ZONE
from dev.day.hours import Day
from dev.processes import call
from dev.stack import Member
from libs.events.builds import Builds, Comparison
from libs.events.connections import prepare_connection
from libs.service.operators import all_projections
from libs.service.service import Service

SIZE, PATIENCE_S = 3, 60.0


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A read model that was made again from its log, and how it compared with the one that served."""

    service: str
    name: str
    rows: int
    facts: int
    equal: bool


def figures(day: Day) -> None:
    """The funnel and the process health of the month, and the facts that a figure counts."""
    ask = day.clients.get
    totals = ask(DIRECTOR.person_id, "kpi", "/v1/reports/funnel?by=owner")["totals"]
    found = ", ".join(f"{totals[figure]} {figure}" for figure in ("opened", "won", "lost", "open"))
    day.checks.equal("the funnel counts the day's deals", "5 opened, 1 won, 1 lost, 3 open", found)
    behind = ask(DIRECTOR.person_id, "kpi", "/v1/reports/funnel/lineage?by=owner&figure=won")["items"]
    won = day.deal_ids[day.plan.the("won").external_id]
    held = [one["opportunity_id"] for one in behind] == [won]
    facts = ", ".join(f"{one['type']} of {one['opportunity_id']}" for one in behind)
    day.checks.holds("behind the figure is the fact", f"opportunity-won.v1 of {won}", held, facts)
    month = f"{day.begins.astimezone(ZONE):%Y-%m}"
    health = ask(WANG.person_id, "kpi", f"/v1/people/{WANG.person_id}/process-health?month={month}")
    found = f"{health['action']['on_time']} of {health['action']['required']}"
    day.checks.equal(f"{WANG.name} did what was required, on time", "3 of 3", found)


def rebuild_everything(day: Day) -> list[Rebuilt]:
    """Make every read model again from its log, beside the one that serves; they are equal, and nothing is sent."""
    stack = day.timeline.stack
    day.timeline.drain()
    before = _positions(stack.members)
    rebuilt = call(lambda: _rebuild_all(stack.members))
    day.timeline.drain()
    unequal = [f"{one.service} {one.name}" for one in rebuilt if not one.equal]
    rows = sum(one.rows for one in rebuilt)
    found = f"{len(rebuilt) - len(unequal)} equal, {rows:,} rows" if not unequal else f"differing: {unequal}"
    day.checks.holds(f"{len(rebuilt)} read models made anew have the same checksums", "all equal", not unequal, found)
    day.checks.equal("making them anew wrote and sent nothing", before, _positions(stack.members))
    return rebuilt


async def _rebuild_all(members: Mapping[str, Member]) -> list[Rebuilt]:
    return [one for member in members.values() for one in await _rebuild_service(member)]


async def _rebuild_service(member: Member) -> list[Rebuilt]:
    service: Service = import_module(f"services.{member.name.replace('-', '_')}.service").SERVICE
    # All connections at once, and patiently: nobody waits for an answer here, and the machine may be busy.
    async with asyncpg.create_pool(
        member.database.worker_url, min_size=SIZE, max_size=SIZE, timeout=PATIENCE_S, init=prepare_connection
    ) as pool:
        return [
            _rebuilt(member.name, projection.name, (await Builds(pool, projection).rebuild())[1])
            for projection in all_projections(service)
        ]


def _rebuilt(service: str, name: str, comparison: Comparison) -> Rebuilt:
    rows = sum(live for live, _ in comparison.rows.values())
    return Rebuilt(service, name, rows, comparison.seq, comparison.equal)


def _positions(members: Mapping[str, Member]) -> dict[str, int]:
    """How many facts each service has written."""
    return {name: httpx2.get(f"{one.health}/quiet", timeout=10).json()["own_seq"] for name, one in members.items()}

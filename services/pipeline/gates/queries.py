"""What blocks a deal, where gates cause friction, and what a person wrote last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

from libs.events.deciding import Command
from libs.events.reading import Reader
from libs.events.running import Request
from libs.rules.reference import load_rulebook
from services.pipeline.definitions.domain import Pinned, definition_for
from services.pipeline.gates.domain import Verdict, evaluate
from services.pipeline.gates.fulfilling import RecentTexts
from services.pipeline.gates.projections import LEDGER, REJECTIONS
from services.pipeline.opportunities.domain import Fulfilled

MAX_TEXTS = 20


async def recent_texts(reader: Reader, request: Request, command: Command, now: datetime) -> RecentTexts:
    """The provider of `given[RecentTexts]`: the last texts of who asks."""
    rows = await reader(LEDGER).fetch(
        "select text from requirement_ledger where tenant = $1 and satisfied_by = $2 and text is not null"
        " order by satisfied_at desc, key, requirement limit $3",
        request.actor.id,
        MAX_TEXTS,
    )
    return RecentTexts([row["text"] for row in rows])


async def ledger_of(read: Reader, deal: asyncpg.Record) -> list[asyncpg.Record]:
    """What the present visit of a deal has fulfilled."""
    return await read(LEDGER).fetch(
        "select * from requirement_ledger where tenant = $1 and key = $2 and stage = $3 and visit = $4"
        " and state = 'satisfied' order by requirement",
        deal["opportunity_id"],
        deal["stage"],
        deal["visit"],
    )


async def verdict_on(read: Reader, deal: asyncpg.Record, ledger: list[asyncpg.Record]) -> tuple[Pinned, Verdict]:
    """The deal's definition, and what the gate would say now."""
    definition = definition_for(await load_rulebook(read), deal["definition_id"], deal["definition_version"])
    fulfilled = {row["requirement"]: Fulfilled(tuple(row["evidence"] or ()), None, row["mode"]) for row in ledger}
    return definition, evaluate(definition.definition.gate(deal["stage"]), fulfilled, dict(deal))


async def friction(
    read: Reader, visible: list[str] | None, since: datetime | None, until: datetime | None, stage: str | None
) -> list[dict[str, Any]]:
    """Refused advances by stage and missing requirement: how many, of how many people and deals."""
    rows = await read(REJECTIONS).fetch(
        "select r.stage, m.requirement, count(*) as rejections, count(distinct r.requested_by) as people,"
        " count(distinct r.opportunity_id) as opportunities"
        " from gate_rejections r cross join lateral jsonb_array_elements_text(r.missing) m(requirement)"
        " where r.tenant = $1 and ($2::text[] is null or r.owner_id = any($2))"
        " and ($3::timestamptz is null or r.rejected_at >= $3) and ($4::timestamptz is null or r.rejected_at < $4)"
        " and ($5::text is null or r.stage = $5)"
        " group by r.stage, m.requirement order by rejections desc, r.stage, m.requirement limit 500",
        visible,
        since,
        until,
        stage,
    )
    return [dict(row) for row in rows]

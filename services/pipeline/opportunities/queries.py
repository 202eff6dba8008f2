"""Reading deals: one that a person may see, now or as it was; lists; and what decisions consult of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from libs.events.errors import NotFound
from libs.events.reading import Reader
from libs.service.auth import Person
from libs.service.organisation import PEOPLE, visible_people
from services.pipeline.catalogue.projections import ACCOUNTS, PRODUCTS
from services.pipeline.opportunities.projections import BOARD

WITH_NAMES = (
    "select o.*, p.name as owner_name, a.name as account_name, g.name as product_name from opportunities o"
    " left join people p on p.tenant = o.tenant and p.person_id = o.owner_id"
    " left join accounts a on a.tenant = o.tenant and a.key = o.account_id"
    " left join products g on g.tenant = o.tenant and g.key = o.product_id"
)


async def visible_opportunity(read: Reader, who: Person, opportunity_id: str) -> asyncpg.Record:
    """The deal with the names around it; NotFound if there is none or the person may not see it."""
    row = await read(BOARD, PEOPLE, ACCOUNTS, PRODUCTS).one(
        f"{WITH_NAMES} where o.tenant = $1 and o.key = $2 and ($3::text[] is null or o.owner_id = any($3))",
        opportunity_id,
        await visible_people(read, who),
    )
    if row is None:
        raise NotFound("opportunity", opportunity_id)
    return row


async def past_of(
    read: Reader, opportunity_id: str, as_of: datetime | None, effective_at: datetime | None
) -> asyncpg.Record:
    """The deal as it was known at `as_of`, of what had happened by `effective_at`; NotFound from before it began."""
    row = await read(BOARD).one(
        "select version, deal from opportunity_past where tenant = $1 and key = $2"
        " and ($3::timestamptz is null or recorded_at <= $3) and ($4::timestamptz is null or occurred_at <= $4)"
        " order by version desc limit 1",
        opportunity_id,
        as_of,
        effective_at,
    )
    if row is None:
        raise NotFound("opportunity", opportunity_id)
    return row


async def visible_opportunities(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Which of these deals a person may see; for the stream of changes."""
    rows = await read(BOARD).fetch(
        "select opportunity_id from opportunities where tenant = $1 and key = any($2)"
        " and ($3::text[] is null or owner_id = any($3))",
        list(ids),
        await visible_people(read, who),
    )
    return {row["opportunity_id"] for row in rows}


FILTERS = ("stage", "owner_id", "state", "definition_id", "account_id", "product_id")


async def list_of_opportunities(
    read: Reader, who: Person, filters: dict[str, Any], after: tuple[str, ...] | None, limit: int
) -> list[asyncpg.Record]:
    """Deals a person may see, the newest first; `filters` by the columns of FILTERS."""
    conditions = " ".join(
        f"and (${number}::text is null or o.{name} = ${number})" for number, name in enumerate(FILTERS, 6)
    )
    opened_at, last_id = after or (None, None)
    return await read(BOARD, PEOPLE, ACCOUNTS, PRODUCTS).fetch(
        f"{WITH_NAMES} where o.tenant = $1 and ($2::text[] is null or o.owner_id = any($2))"
        " and ($3::text is null or (o.opened_at, o.opportunity_id) < ($3::text::timestamptz, $4::text))"
        f" {conditions} order by o.opened_at desc, o.opportunity_id desc limit $5",
        await visible_people(read, who),
        opened_at,
        last_id,
        limit,
        *(filters.get(name) for name in FILTERS),
    )

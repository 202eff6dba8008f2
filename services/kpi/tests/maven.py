"""The Maven Analytics CRM export as the facts that an import of it appends."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from libs.events.contracts.common import Elapsed
from libs.events.contracts.lead_routing import RepRegistered, TeamRegistered
from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityWon,
    Package,
    ProductRegistered,
    StageAdvanced,
)
from libs.events.facts import Fact, Money

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "maven-crm"
ZONE = ZoneInfo("Asia/Shanghai")
IMPORTED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NOTHING = Package(required=0, on_time=0)


def code(name: str) -> str:
    return name.lower().replace(" ", "-")


def midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), ZONE).astimezone(UTC)


def dwell(entered: datetime, left: datetime) -> Elapsed:
    seconds = int((left - entered).total_seconds())
    return Elapsed(wall=seconds, workday=seconds, business=seconds)


def rows_of(file: str) -> list[dict[str, str]]:
    with (FOLDER / file).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def organisation() -> Iterator[Fact]:
    for region in ("Central", "East", "West"):
        yield TeamRegistered(team_id=region, name=region, region=region)
    for row in rows_of("sales_teams.csv"):
        manager, agent = code(row["manager"]), code(row["sales_agent"])
        for person, name, roles, above in (
            (manager, row["manager"], ["manager"], None),
            (agent, row["sales_agent"], ["rep"], manager),
        ):
            yield RepRegistered(
                rep_id=person,
                name=name,
                roles=roles,
                team_id=row["regional_office"],
                manager_id=above,
                effective_from=IMPORTED,
            )
    for row in rows_of("products.csv"):
        yield ProductRegistered(product_id=code(row["product"]), name=row["product"], series=row["series"])


def deals() -> Iterator[Fact]:
    """Every deal is opened in prospecting; where it was engaged, on that day, and moved on at once."""
    for row in rows_of("sales_pipeline.csv"):
        yield from deal(row)


def deal(row: dict[str, str]) -> Iterator[Fact]:
    who: dict[str, Any] = {"opportunity_id": row["opportunity_id"], "owner_id": code(row["sales_agent"])}
    engaged = midnight(row["engage_date"]) if row["engage_date"] else None
    yield OpportunityOpened(
        **who,
        name=row["opportunity_id"],
        account_id=code(row["account"]) or None,
        product_id=code("GTX Pro" if row["product"] == "GTXPro" else row["product"]),
        definition_id="maven",
        definition_version=1,
        stage="prospecting",
        opened_at=engaged or IMPORTED,
        undated=engaged is None,
    )
    if engaged is None:
        return
    yield StageAdvanced(
        **who,
        from_stage="prospecting",
        to_stage="engaging",
        visit=1,
        next_visit=1,
        entered_at=engaged,
        advanced_at=engaged,
        dwell=dwell(engaged, engaged),
        package=NOTHING,
        definition_version=1,
    )
    if not row["close_date"]:
        return
    closed = midnight(row["close_date"])
    closing: dict[str, Any] = {
        **who,
        "stage": "engaging",
        "visit": 1,
        "entered_at": engaged,
        "dwell": dwell(engaged, closed),
        "package": NOTHING,
    }
    if row["deal_stage"] == "Won":
        amount = Money(amount=Decimal(row["close_value"]), currency="USD")
        yield OpportunityWon(**closing, amount=amount, won_at=closed, definition_version=1)
    else:
        yield OpportunityLost(**closing, reason_code="unknown", lost_at=closed)

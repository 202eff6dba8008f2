"""A real CRM export, imported by one command, gives the figures that its files give, also after every rebuild."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from dev.clients import Clients
from dev.stack import Stack
from dev.timeline import Timeline
from libs.events.builds import Builds
from libs.events.connections import open_pool
from tests.integration.importing import MAPPINGS, import_crm
from tests.services import all_services

ROOT = Path(__file__).resolve().parents[2]
EXPORT = ROOT.parent / "shared" / "data" / "maven-crm"
MAPPING = MAPPINGS / "maven-crm.json"
DEALS = "sales_pipeline.csv"
pytestmark = [
    pytest.mark.skipif(not EXPORT.exists(), reason="needs the Maven CRM export in ../shared/data/maven-crm"),
    pytest.mark.timeout(600),
]


def funnel(clients: Clients, by: str = "owner") -> Any:
    """The funnel of everything."""
    return clients.get(clients.admin, "kpi", f"/v1/reports/funnel?by={by}")


def rows_of(folder: Path, file: str = DEALS) -> list[dict[str, str]]:
    """The rows of a file."""
    with (folder / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def figures(rows: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """What the rows give, computed from them alone."""
    rows = list(rows)
    by_stage = {stage: [row for row in rows if row["deal_stage"] == stage] for stage in ("Won", "Lost", "Engaging")}
    won, lost = by_stage["Won"], by_stage["Lost"]

    def days(some: list[Mapping[str, str]]) -> Decimal:
        spans = [date.fromisoformat(row["close_date"]) - date.fromisoformat(row["engage_date"]) for row in some]
        return Decimal(str(median(span.days for span in spans)))

    return {
        "opened": len(rows),
        "won": len(won),
        "lost": len(lost),
        "open": len(rows) - len(won) - len(lost),
        "undated": sum(1 for row in rows if not row["engage_date"]),
        "win_rate": round(Decimal(len(won)) / (len(won) + len(lost)), 6),
        "won_value": sum(Decimal(row["close_value"]) for row in won),
        "days_to_win": days(won),
        "days_to_lose": days(lost),
    }


def told(report: Any) -> dict[str, Any]:
    """The same figures as the kpi service tells them."""
    total = report["totals"]
    return {
        **{name: total[name] for name in ("opened", "won", "lost", "open", "undated")},
        "win_rate": Decimal(str(total["win_rate"])),
        "won_value": Decimal(str(total["won_value"]["USD"])),
        "days_to_win": Decimal(str(total["median_days_to_win"])),
        "days_to_lose": Decimal(str(total["median_days_to_lose"])),
    }


async def rebuild_everything(stack: Stack, service: str) -> list[str]:
    """Rebuild every read model of a service beside the live one and put it into service; which ones differed."""
    pool = await open_pool(stack.members[service].database.worker_url, size=4, transaction_seconds=0)
    found = next(one for one in all_services() if one.name == service)
    try:
        return [one.name for one in found.projections if not (await Builds(pool, one).rebuild())[1].equal]
    finally:
        await pool.close()


async def test_the_export_gives_its_own_figures_before_and_after_every_read_model_is_rebuilt(
    clients: Clients, product: Stack, timeline: Timeline, tmp_path: Path
) -> None:
    """The figures of ../shared/data/README.md."""
    code, said = import_crm(clients, EXPORT, MAPPING)
    assert code == 0, said
    timeline.drain()
    report = funnel(clients)
    assert told(report) == figures(rows_of(EXPORT))
    totals = report["totals"]
    assert (totals["opened"], totals["won"], totals["lost"]) == (8_800, 4_238, 2_473)
    assert totals["open_by_stage"] == {"demand_diagnosis": 1_589, "first_contact": 500}
    assert told(report)["won_value"] == 10_005_534
    assert totals["win_rate"][:6] == "0.6315"
    assert (told(report)["days_to_win"], told(report)["days_to_lose"]) == (57, 14)
    busiest = max(report["rows"], key=lambda row: row["peak_open"])
    assert (busiest["name"], busiest["peak_open"]) == ("Darcel Schlecht", 170)
    assert {row["group"] for row in funnel(clients, "region")["rows"]} == {"Central", "East", "West"}
    assert len([row for row in report["rows"] if row["opened"] == 0]) == 5

    code, said = import_crm(clients, EXPORT, MAPPING)
    assert code == 0, said
    timeline.drain()
    assert funnel(clients) == report

    for service in ("pipeline", "kpi"):
        assert await rebuild_everything(product, service) == []
    assert funnel(clients) == report


def test_another_value_in_one_row_is_another_figure(clients: Clients, timeline: Timeline, tmp_path: Path) -> None:
    """The figures come from the rows."""
    rows = rows_of(EXPORT)[:300]
    before = figures(rows)
    changed = next(row for row in rows if row["deal_stage"] == "Won")
    changed["close_value"] = str(int(changed["close_value"]) + 1_000)
    for file in ("sales_teams.csv", "accounts.csv", "products.csv"):
        (tmp_path / file).write_bytes((EXPORT / file).read_bytes())
    with (tmp_path / DEALS).open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    code, said = import_crm(clients, tmp_path, MAPPING)
    assert code == 0, said
    timeline.drain()
    now = told(funnel(clients))
    assert now == figures(rows) == {**before, "won_value": before["won_value"] + 1_000}

"""An invented export of other columns, dates and mistakes goes in by its mapping alone, through two services."""

from __future__ import annotations

import csv
from pathlib import Path

from dev.clients import Clients
from dev.timeline import Timeline
from tests.integration.importing import ROOT, import_crm

ORCHID = ROOT / "services" / "pipeline" / "imports" / "tests" / "data" / "orchid"


def test_good_rows_land_in_both_services_and_bad_ones_are_in_a_file(
    clients: Clients, timeline: Timeline, tmp_path: Path
) -> None:
    """Exit code 3 says that rows were refused; running it again adds nothing."""
    problems = tmp_path / "problems.csv"
    code, said = import_crm(clients, ORCHID, ORCHID / "mapping.json", "--problems", str(problems))
    assert code == 3, said
    assert f"13 rows were refused; the reasons are in {problems}" in said
    with problems.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 13
    assert ("Rep", "Anne Lee", "Ann Lee") in {(row["column"], row["value"], row["nearest"]) for row in rows}
    timeline.drain()
    reps = {one["rep_id"]: one["active"] for one in clients.get(clients.admin, "lead-routing", "/v1/reps")["items"]}
    assert reps == {"ann-lee": True, "bo-chen": False, "rosa-vidal": True, clients.admin: True}
    report = clients.get(clients.admin, "kpi", "/v1/reports/funnel?by=owner")
    total = report["totals"]
    assert (total["opened"], total["won"], total["lost"], total["open"]) == (4, 2, 1, 1)
    assert {name: float(value) for name, value in total["won_value"].items()} == {"USD": 22_700, "EUR": 900.5}
    code, said = import_crm(clients, ORCHID, ORCHID / "mapping.json", "--problems", str(problems))
    assert code == 3, said
    timeline.drain()
    assert clients.get(clients.admin, "kpi", "/v1/reports/funnel?by=owner") == report


def test_what_cannot_begin_says_why(clients: Clients, tmp_path: Path) -> None:
    """Exit code 1, nothing imported."""
    code, said = import_crm(clients, tmp_path, ORCHID / "mapping.json")
    assert (code, "lacks staff.csv" in said) == (1, True), said
    broken = tmp_path / "mapping.json"
    broken.write_text((ORCHID / "mapping.json").read_text().replace("Full name", "Name"))
    code, said = import_crm(clients, ORCHID, broken)
    assert (code, "the mapping names the columns 'Name' (like 'Full name'?)" in said) == (1, True), said

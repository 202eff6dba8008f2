"""An export of other columns, dates, amounts and mistakes is imported by its mapping alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from libs.service.imports.job import NO_CODE
from libs.service.imports.tests.house import House

ORCHID = Path(__file__).parent / "data" / "orchid"
FILES = {name: (ORCHID / name).read_bytes() for name in ("companies.csv", "articles.csv", "deals.csv")}


async def test_good_rows_land_and_bad_ones_are_reported_with_a_reason(house: House) -> None:
    view, problems = await house.imported("/imports", json.loads((ORCHID / "mapping.json").read_text()), FILES)
    deals = view["files"][-1]
    assert (view["state"], deals["rows"], deals["accepted"], deals["repeated"]) == ("finished", 18, 4, 1)
    found = {int(row): (column, value, reason, near) for _, row, column, value, reason, near in csv.reader(problems)}
    assert found == {
        8: ("Closed", "03/02/2024", "the deal was closed before it was opened", ""),
        9: ("Rep", "Anne Lee", "no person of this name or id is known", "Ann Lee"),
        10: ("Deal #", "D-1002", "row 4 has the same id and says something else", ""),
        11: ("Created", "31/02/2024", "is no date of the form %d/%m/%Y", ""),
        12: ("Contract value", "22.700,00", "is not written like 1,234.56, as the mapping says amounts are", ""),
        13: ("Phase", "Closed Won", "the mapping's stages do not say what this is", "closed won"),
        14: ("Customer No", "C-004", "no account of this name or id is known", "C-001"),
        15: ("", "", "has 4 columns, the header has 13", ""),
        16: ("Created", "", "there is no date, and the mapping does not say that such a deal is undated", ""),
        17: ("Contract value", "'-", "a won deal has an amount", ""),
        18: ("", "", "cannot be read as CSV: a quote is not closed", ""),
        19: ("Closed", "02/02/2024", "an open deal has no closing date", ""),
        20: ("Lost because", "bad weather", NO_CODE, ""),
    }


async def test_what_landed_is_what_the_file_says(house: House) -> None:
    first = (await house.ask("GET", "/opportunities/D-1001")).json()
    assert (first["name"], first["owner_id"], first["account_id"]) == ("Pumps for the new hall", "ann-lee", "C-001")
    assert (first["product_id"], first["state"], first["tags"]) == ("FM-10", "won", {"region": "north"})
    assert (float(first["amount"]), first["currency"]) == (22_700, "USD")
    assert (first["opened_at"], first["closed_at"]) == ("2024-02-02T23:00:00Z", "2024-04-16T22:00:00Z")
    third = (await house.ask("GET", "/opportunities/D-1003")).json()
    assert (third["state"], third["stage"], float(third["amount"])) == ("open", "quotation", 48_000.5)
    euros = (await house.ask("GET", "/opportunities/D-1016")).json()
    assert (float(euros["amount"]), euros["currency"]) == (900.5, "EUR")
    company = (await house.ask("GET", "/accounts/C-003")).json()
    assert (company["name"], company["sector"], company["region"]) == ("Nord; West AG", None, "Germany")


async def test_a_changed_row_does_not_rewrite_history(house: House) -> None:
    changed = FILES | {"deals.csv": FILES["deals.csv"].replace(b'"$22,700.00"', b'"$99,700.00"')}
    view, problems = await house.imported("/imports", json.loads((ORCHID / "mapping.json").read_text()), changed)
    assert view["accepted"] == 0
    assert (
        problems[0] == "deals.csv,2,Deal #,D-1001,this was imported before with other values; history is not rewritten,"
    )

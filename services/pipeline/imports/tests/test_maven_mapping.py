"""The shipped mapping, on a few rows as they stand in that export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from libs.service.imports.tests.house import House

MAPPING: dict[str, Any] = json.loads((Path(__file__).parents[4] / "mappings" / "maven-crm.json").read_text())
HEAD = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
FILES = {
    "accounts.csv": "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n"
    "Cancity,retail,2001,718.62,2448,United States,\nIsdom,medical,2002,3178.24,4540,United States,\n",
    "products.csv": "product,series,sales_price\nGTX Plus Basic,GTX,1096\nGTX Pro,GTX,4821\n",
    "sales_pipeline.csv": HEAD
    + "1C1I7A6R,Moses Frase,GTX Plus Basic,Cancity,Won,2016-10-20,2017-03-01,1054\n"
    + "Z063OYW0,Darcel Schlecht,GTXPro,Isdom,Won,2016-10-25,2017-03-11,4514\n"
    + "EC4QE1BX,Darcel Schlecht,GTXPro,,Lost,2016-10-25,2017-03-07,0\n"
    + "MV1LWRNH,Moses Frase,GTX Plus Basic,Cancity,Engaging,2016-10-25,,\n"
    + "PE84CX4O,Moses Frase,GTXPro,,Prospecting,,,\n",
}


async def test_a_value_that_the_catalogue_does_not_have_is_refused_with_the_nearest_one(house: House) -> None:
    mapping = json.loads(json.dumps(MAPPING))
    del mapping["files"]["sales_pipeline.csv"]["values"]
    view, problems = await house.imported("/imports", mapping, FILES)
    assert (view["state"], view["accepted"], view["refused"]) == ("finished", 6, 3)
    assert problems == [
        f"sales_pipeline.csv,{line},product,GTXPro,no product of this name or id is known,GTX Pro" for line in (3, 4, 6)
    ]


async def test_with_its_value_map_the_rest_follows_and_nothing_comes_twice(house: House) -> None:
    view, problems = await house.imported("/imports", MAPPING, FILES)
    assert (view["accepted"], view["repeated"], view["refused"], problems) == (3, 6, 0, [])
    again, _ = await house.imported("/imports", MAPPING, FILES)
    assert (again["accepted"], again["repeated"], again["rows"]) == (0, 9, 9)
    deals = (await house.ask("GET", "/opportunities?limit=100")).json()["items"]
    found = {deal["opportunity_id"]: deal for deal in deals}
    assert {deal: (one["state"], one["stage"], one["undated"]) for deal, one in found.items()} == {
        "1C1I7A6R": ("won", "contract_signing", False),
        "Z063OYW0": ("won", "contract_signing", False),
        "EC4QE1BX": ("lost", "demand_diagnosis", False),
        "MV1LWRNH": ("open", "demand_diagnosis", False),
        "PE84CX4O": ("open", "first_contact", True),
    }
    assert found["Z063OYW0"]["product_id"] == "gtx-pro"
    won = await house.facts("opportunity-won.v1")
    assert sum(float(fact["data"]["amount"]["amount"]) for fact in won) == 5568
    assert {fact["meta"]["channel"] for fact in won} == {"migration"}
    assert {fact["meta"]["actor"]["on_behalf_of"] for fact in won} == {"owner-he"}
    assert [f"{fact['occurred_at']:%Y-%m-%dT%H:%M}" for fact in won] == ["2017-02-28T16:00", "2017-03-10T16:00"]

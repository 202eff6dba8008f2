"""People and leads are imported by a mapping."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson

from libs.service.imports.tests.house import House

MAPPING: dict[str, Any] = {
    "source": "old-crm",
    "zone": "Asia/Shanghai",
    "files": {
        "people.csv": {
            "entity": "people",
            "columns": {
                "name": "name", "boss": "manager", "office": ["team", "region"], "from": "since", "to": "left_at",
            },
        },
        "leads.csv": {
            "entity": "leads",
            "columns": {
                "no": "id", "firm": "company", "rep": "owner", "came": "captured_at", "status": "outcome",
                "done": "ended_at", "budget": "tags.budget", "person": "contact_name", "mobile": "phone",
            },
            "values": {"outcome": {"dead": "disqualified"}},
        },
    },
}  # fmt: skip
PEOPLE = (
    "name,boss,office,from,to\n"
    "Anna Snelling,Dustin Brinkmann,Central,,\n"
    "Moses Frase,Dustin Brinkmann,Central,2016-02-01,\n"
    "Dustin Brinkmann,Rosa Vidal,Central,,\n"
    "Zane Levy,Summer Sewald,West,2016-02-01,2019-12-31\n"
    "Zane Levy,Summer Sewald,East,2016-02-01,\n"
)
LEADS = (
    "no,firm,rep,came,status,done,budget,person,mobile\n"
    "1,海尔智家,Anna Snelling,2019-03-01,,,>2m,王芳,13900000001\n"
    "2,Isdom,Zane Levy,2019-03-01,dead,2019-03-09,,,\n"
    "3,Cancity,Zan Levy,2019-03-01,,,,,\n"
    "4,Betatech,,2019-03-01,,,a fortune,,\n"
    "5,Betatech,,2019-03-02,lukewarm,,,,\n"
)


async def test_people_come_with_their_teams_and_managers(house: House) -> None:
    view, problems = await house.imported("/lead-imports", MAPPING, {"people.csv": PEOPLE})
    assert (view["state"], view["accepted"], view["refused"]) == ("finished", 4, 1)
    assert problems[0].startswith("people.csv,6,name,Zane Levy,row 5 has the same id and says something else")
    reps = {one["rep_id"]: one for one in (await house.ask("GET", "/reps?limit=100")).json()["items"]}
    assert set(reps) == {"anna-snelling", "moses-frase", "dustin-brinkmann", "rosa-vidal", "zane-levy", "summer-sewald"}
    roles = {name: (one["roles"], one["manager_id"], one["active"]) for name, one in reps.items()}
    assert roles["anna-snelling"] == (["rep"], "dustin-brinkmann", True)
    assert roles["dustin-brinkmann"] == (["rep", "manager"], "rosa-vidal", True)
    assert roles["rosa-vidal"] == (["manager"], None, True)
    assert roles["zane-levy"] == (["rep"], "summer-sewald", False)
    teams = {one["team_id"]: one["region"] for one in (await house.ask("GET", "/teams")).json()["items"]}
    assert teams == {"central": "Central", "west": "West"}
    registered = {fact["data"]["rep_id"]: fact for fact in await house.facts("rep-registered.v1")}
    assert f"{registered['moses-frase']['occurred_at']:%Y-%m-%dT%H}" == "2016-01-31T16"


async def test_the_same_people_again_are_nobody_new(house: House) -> None:
    before = len(await house.facts("rep-registered.v1"))
    view, _ = await house.imported("/lead-imports", MAPPING, {"people.csv": PEOPLE})
    assert (view["accepted"], view["repeated"], view["refused"]) == (0, 4, 1)
    assert len(await house.facts("rep-registered.v1")) == before


async def test_leads_come_with_their_owner_and_their_end(house: House) -> None:
    view, problems = await house.imported("/lead-imports", MAPPING, {"leads.csv": LEADS})
    assert (view["accepted"], view["refused"]) == (3, 2)
    assert problems == [
        "leads.csv,4,rep,Zan Levy,no person of this name or id is known,Zane Levy",
        "leads.csv,6,status,lukewarm,\"Input should be 'open', 'converted' or 'disqualified'\",",
    ]
    leads = {one["company"]: one for one in (await house.ask("GET", "/leads")).json()["items"]}
    assert (leads["海尔智家"]["state"], leads["海尔智家"]["tier"]) == ("assigned", "A")
    assert leads["海尔智家"]["captured_at"] == "2019-02-28T16:00:00Z"
    assert (leads["Isdom"]["state"], leads["Betatech"]["state"]) == ("disqualified", "captured")
    captured = await house.facts("lead-captured.v1")
    assert {fact["meta"]["channel"] for fact in captured} == {"migration"}
    assert not [fact for fact in captured if "王芳" in str(fact["data"])]
    again, _ = await house.imported("/lead-imports", MAPPING, {"leads.csv": LEADS})
    assert (again["accepted"], again["repeated"], again["refused"]) == (0, 3, 2)


def naming(folder: Path, name: str) -> list[Path]:
    """The stored files that name somebody."""
    return [file for file in folder.rglob("*") if file.is_file() and name.encode() in file.read_bytes()]


async def test_what_was_uploaded_is_nowhere_once_it_is_taken_in(house: House) -> None:
    """Files name people in plain text, and no erasure would find them; sent again, they do not stay either."""
    parts = [("mapping", ("mapping.json", orjson.dumps(MAPPING), "application/json"))]
    parts += [("files", ("leads.csv", LEADS.encode(), "text/csv"))]
    key, folder = {"Idempotency-Key": "once"}, Path(house.settings.objects)
    first = await house.ask("POST", "/lead-imports", files=parts, headers=key)
    assert naming(folder, "王芳")
    _, problems = await house.ended("/lead-imports", first.json()["id"])
    async with asyncio.timeout(60):
        while naming(folder, "王芳"):  # noqa: ASYNC110 - another process removes them
            await asyncio.sleep(0.05)
    again = await house.ask("POST", "/lead-imports", files=parts, headers=key)
    assert (again.json()["id"], again.headers["Idempotency-Replayed"]) == (first.json()["id"], "true")
    assert not naming(folder, "王芳")
    assert (await house.ended("/lead-imports", first.json()["id"]))[1] == problems

"""What an import refuses before it begins, and who may import."""

from __future__ import annotations

from typing import Any

from libs.service.imports.tests.house import House

MAPPING: dict[str, Any] = {
    "source": "old-crm",
    "zone": "Asia/Shanghai",
    "files": {
        "accounts.csv": {"entity": "accounts", "columns": {"firm": "name"}},
        "people.csv": {"entity": "people", "columns": {"who": "name"}},
    },
}
ACCOUNTS = {"accounts.csv": "firm\nAcme\n"}


def with_file(**more: Any) -> dict[str, Any]:
    """The mapping with a change in its file of accounts."""
    accounts = MAPPING["files"]["accounts.csv"] | more
    return MAPPING | {"files": MAPPING["files"] | {"accounts.csv": accounts}}


async def test_a_mapping_that_does_not_fit_is_refused_with_what_to_correct(house: House) -> None:
    cases = [
        (with_file(columns={"firm": "title"}), ACCOUNTS, "accounts have no field title"),
        (with_file(columns={"firm": "sector"}), ACCOUNTS, "accounts need the field name"),
        (with_file(entity="opportunities"), ACCOUNTS, "opportunities need `stages`"),
        (MAPPING | {"zone": "Nowhere"}, ACCOUNTS, "no IANA time zone"),
        (MAPPING, {"accounts.csv": "company\nAcme\n"}, "the mapping names the columns 'firm'"),
        (MAPPING, {"accounts.csv": "firm,city\nAcme,Rome\n"}, "neither maps nor ignores the columns 'city'"),
        (MAPPING, {"accounts.csv": ""}, "the file is empty"),
    ]
    for mapping, files, message in cases:
        answer = await house.start("/imports", mapping, files)
        assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION"), answer.text
        assert any(message in error["message"] for error in answer.json()["errors"]), answer.text


async def test_files_belong_to_the_mapping_and_to_the_service(house: House) -> None:
    for name in ("other.csv", "people.csv"):
        answer = await house.start("/imports", MAPPING, {name: "who\nAnn\n"})
        assert answer.status_code == 422
        assert f"the mapping has nothing for '{name}' here" in answer.json()["detail"]
    assert (await house.ask("POST", "/imports", files=[("mapping", b"{}")])).status_code == 422


async def test_only_process_owners_import_and_look(house: House) -> None:
    view, _ = await house.imported("/imports", MAPPING, ACCOUNTS)
    for roles in (["rep"], ["manager"], ["operator"], ["auditor"], ["integration"]):
        for method, path in (("POST", "/imports"), ("GET", "/imports"), ("GET", f"/imports/{view['import_id']}")):
            assert (await house.ask(method, path, person="somebody", roles=roles)).status_code == 403
        problems = await house.ask("GET", f"/imports/{view['import_id']}/problems", person="somebody", roles=roles)
        assert problems.status_code == 403
    assert (await house.ask("GET", "/imports/0190")).status_code == 404


async def test_imports_are_listed_the_newest_first(house: House) -> None:
    started = [(await house.imported("/imports", MAPPING, ACCOUNTS))[0]["import_id"] for _ in range(2)]
    first = (await house.ask("GET", "/imports?limit=1")).json()
    rest = (await house.ask("GET", f"/imports?limit=50&cursor={first['next']}")).json()
    listed = [one["import_id"] for one in [*first["items"], *rest["items"]]]
    assert set(started) <= set(listed)
    assert len(listed) == len(set(listed))
    assert (await house.ask("GET", "/imports?state=running")).json()["items"] == []


async def test_a_dry_run_takes_nothing_in(house: House) -> None:
    before = len(await house.facts("import-started.v1"))
    answer = await house.start("/imports?dry_run=true", MAPPING, ACCOUNTS)
    (fact,) = answer.json()["facts"]
    assert (fact["type"], fact["data"]["files"][0]["rows"]) == ("import-started.v1", 1)
    assert len(await house.facts("import-started.v1")) == before

"""Deals over HTTP, on a real database: the acceptance examples of the gate."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from libs.service.testing.office import Office
from services.pipeline.tests.samples import HE, LI, WANG

FILES = {
    "meeting_minutes": ("minutes.txt", "会议纪要：".encode()),
    "competitor_comparison_table": ("table.pdf", b"%PDF-1.7\n"),
    "budget_confirmation_screenshot": ("budget.png", b"\x89PNG\r\n\x1a\n"),
}
TO_DIAGNOSIS = {"from": "first_contact", "to": "demand_diagnosis"}
TO_DESIGN = {"from": "demand_diagnosis", "to": "solution_design"}


async def in_diagnosis(office: Office, name: str) -> str:
    """A deal that stands in its demand diagnosis."""
    amount = {"amount": "300000", "currency": "CNY"}
    deal = str((await office.post(LI, "/opportunities", {"name": name, "amount": amount}))["id"])
    await office.post(LI, f"/opportunities/{deal}/advance", TO_DIAGNOSIS)
    return deal


async def upload(office: Office, deal: str, requirement: str, salt: str) -> httpx2.Response:
    """Upload a file for a requirement; `salt` makes its content its own."""
    name, head = FILES[requirement]
    file = (name, head + (salt + " " * 2_000).encode(), "application/x-anything")
    form = {"kind": requirement, "created_on": "2026-03-01"}
    return await office.request(LI, "POST", f"/opportunities/{deal}/evidence", files={"file": file}, data=form)


async def test_the_gate_lets_a_deal_pass_once_its_package_is_complete(office: Office) -> None:
    """3.2.9-1"""
    deal = await in_diagnosis(office, "Acme")
    for requirement in ("meeting_minutes", "competitor_comparison_table"):
        accepted = await upload(office, deal, requirement, "one")
        assert accepted.status_code == 201, accepted.text
    for _ in range(2):  # the second refusal within 10 s leaves no fact
        refused = await office.refused(LI, f"/opportunities/{deal}/advance", TO_DESIGN)
        assert (refused["status"], refused["code"]) == (422, "RULE_VIOLATION")
        assert [rule["requirement"] for rule in refused["rules"]] == ["budget_confirmation_screenshot"]
        office.clock.advance(timedelta(seconds=1))
    blockers = await office.get(LI, f"/opportunities/{deal}/blockers")
    assert [one["requirement"] for one in blockers["blocking"]] == ["budget_confirmation_screenshot"]
    assert (blockers["stage"], len(blockers["fulfilled"])) == ("demand_diagnosis", 2)
    friction = await office.items(LI, "/reports/gate-friction")
    assert [(one["requirement"], one["rejections"]) for one in friction] == [("budget_confirmation_screenshot", 1)]
    await upload(office, deal, "budget_confirmation_screenshot", "one")
    await office.post(LI, f"/opportunities/{deal}/advance", TO_DESIGN)
    history = await office.get(LI, f"/opportunities/{deal}/history")
    counted = [one["package"] and (one["package"]["required"], one["package"]["on_time"]) for one in history["visits"]]
    assert counted == [(0, 0), (3, 3), None]
    assert [one["fact"] for one in history["changes"]] == ["opportunity-opened.v1", *["stage-advanced.v1"] * 2]
    first = await office.get(LI, f"/opportunities/{deal}/evidence", limit="2")
    rest = await office.get(LI, f"/opportunities/{deal}/evidence", limit="2", cursor=first["next"])
    assert [one["state"] for one in [*first["items"], *rest["items"]]] == ["accepted"] * 3


async def test_files_of_another_deal_are_refused(office: Office) -> None:
    """3.2.9-2"""
    first, second = await in_diagnosis(office, "First"), await in_diagnosis(office, "Second")
    for requirement in FILES:
        assert (await upload(office, first, requirement, "same")).status_code == 201
        refused = await upload(office, second, requirement, "same")
        assert (refused.status_code, refused.json()["code"]) == (422, "EVIDENCE_REUSED")
    evidence = await office.items(LI, f"/opportunities/{second}/evidence")
    assert [one["failed"] for one in evidence] == ["EVIDENCE_REUSED"] * 3


async def test_nobody_sets_a_stage(office: Office) -> None:
    """3.2.9-3"""
    deal = await in_diagnosis(office, "Direct")
    for path, body in (
        (f"/opportunities/{deal}/advance", {**TO_DESIGN, "stage": "delivery"}),
        (f"/opportunities/{deal}/advance", {"from": "demand_diagnosis", "to": "delivery"}),
        ("/opportunities", {"name": "New", "stage": "delivery"}),
    ):
        assert (await office.refused(HE, path, body))["status"] == 422
    assert (await office.get(HE, f"/opportunities/{deal}"))["stage"] == "demand_diagnosis"


async def test_the_second_of_two_learns_the_new_stage(office: Office) -> None:
    """3.2.8"""
    deal = await in_diagnosis(office, "Race")
    late = await office.refused(LI, f"/opportunities/{deal}/advance", TO_DIAGNOSIS)
    assert (late["status"], late["code"], late["stage"]) == (409, "CONFLICT_STATE", "demand_diagnosis")


async def test_a_deal_is_listed_filtered_and_seen_as_it_was(office: Office) -> None:
    """3.2.6"""
    price = {"amount": "4821", "currency": "CNY"}
    await office.post(HE, "/products", {"product_id": "gtx-pro", "name": "GTX Pro", "list_price": price})
    await office.post(LI, "/accounts", {"account_id": "acme", "name": "Acme Corporation", "sector": "retail"})
    unknown = await office.refused(LI, "/opportunities", {"name": "Typo", "product_id": "GTXPro"})
    assert (unknown["status"], unknown["nearest"]["id"]) == (422, "gtx-pro")
    body = {"name": "Listed", "product_id": "gtx-pro", "account_id": "acme"}
    deal = (await office.post(LI, "/opportunities", body))["id"]
    before = (office.clock.now() + timedelta(minutes=1)).isoformat()
    office.clock.advance(timedelta(hours=1))
    await office.post(LI, f"/opportunities/{deal}/lose", {"reason_code": "price"})
    listed = await office.items(LI, "/opportunities", product="gtx-pro", state="lost", owner=LI)
    assert [(one["opportunity_id"], one["product_name"], one["account_name"]) for one in listed] == [
        (deal, "GTX Pro", "Acme Corporation")
    ]
    assert await office.items(LI, "/opportunities", product="gtx-pro", state="open") == []
    for instant in ({"as_of": before}, {"effective_at": before}):
        then = await office.get(LI, f"/opportunities/{deal}", **instant)
        assert (then["state"], then["version"]) == ("open", 1)
    assert (await office.get(LI, f"/opportunities/{deal}"))["state"] == "lost"
    assert (await office.request(WANG, "GET", f"/opportunities/{deal}")).status_code == 404
    assert [one["name"] for one in await office.items(WANG, "/products", series="none")] == []
    assert (await office.get(WANG, "/products/gtx-pro"))["list_price"] == "4821"
    assert [one["name"] for one in await office.items(WANG, "/accounts", name="acme")] == ["Acme Corporation"]


async def test_pages_of_deals_follow_each_other(office: Office) -> None:
    made = {(await office.post("rep-pages", "/opportunities", {"name": f"Deal {n}"}))["id"] for n in range(5)}
    found, cursor = list[str](), ""
    while cursor is not None:
        page = await office.get("rep-pages", "/opportunities", limit="2", **({"cursor": cursor} if cursor else {}))
        found += [one["opportunity_id"] for one in page["items"]]
        cursor = page["next"]
    assert (len(found), set(found)) == (5, made)


async def test_a_definition_is_drafted_simulated_and_published(office: Office) -> None:
    """S-20, 3.2.9-6"""
    base = "/pipeline-definitions"
    shipped = await office.get(HE, f"{base}/default-b2b")
    assert shipped["version"] == 0
    words = {"zh": "确认预算", "en": "confirm the budget"}
    asks = {"code": "budget_known", "type": "confirmation", "explain": words, "how_to_fix": words}
    document = shipped["document"]
    document["gates"].append({"stage": "first_contact", "requirements": [asks]})
    await office.post(HE, base, {"rule_id": "default-b2b", "name": "B2B", "document": document})
    await office.post(HE, f"{base}/default-b2b/simulate", {"days": 90})
    report = (await office.get(HE, f"{base}/default-b2b"))["draft"]["simulation"]
    assert report["by_requirement"]["budget_known"] == report["would_block"] > 0
    await office.post(HE, f"{base}/default-b2b/publish", {})
    deal = (await office.post(LI, "/opportunities", {"name": "Under version 1"}))["id"]
    refused = await office.refused(LI, f"/opportunities/{deal}/advance", TO_DIAGNOSIS)
    assert [(rule["requirement"], rule["version"]) for rule in refused["rules"]] == [("budget_known", 1)]
    await office.post(LI, f"/opportunities/{deal}/requirements/budget_known/complete", {"confirmed": True})
    await office.post(LI, f"/opportunities/{deal}/advance", TO_DIAGNOSIS)

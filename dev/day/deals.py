"""Deals: converted from leads, stopped by a gate that names what is missing, won and lost."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from dev.day.cast import CHEN, DIRECTOR, OWNER, WANG
from dev.day.hours import Day
from dev.day.plan import PlannedLead

FILES = {
    "meeting_minutes": ("会议纪要.txt", "会议纪要：".encode()),
    "competitor_comparison_table": ("竞品对比.pdf", b"%PDF-1.7\n"),
    "budget_confirmation_screenshot": ("预算确认.png", b"\x89PNG\r\n\x1a\n"),
}
FIRST_CONTACT, DIAGNOSIS, DESIGN, QUOTATION, CONTRACT = (
    "first_contact", "demand_diagnosis", "solution_design", "quotation", "contract_signing",
)  # fmt: skip
BUDGET = "budget_confirmation_screenshot"
SIZE = 2_000


def leads_become_deals(day: Day) -> None:
    """10:30: five customers want an offer; each rep converts the lead, and the pipeline opens the deal by itself."""
    leads = day.plan.all("won", "lost", "handed", "blocked", "stalled")
    day.come_to("10:30", f"{len(leads)} leads become deals and are diagnosed")
    for lead in leads:
        body = {"amount": str(lead.amount), "currency": "CNY", "expected_close": day.at("10:30", 56).date().isoformat()}
        answer = day.clients.post(lead.suits, "lead-routing", f"{day.lead_path(lead)}/convert", body)
        day.deal_ids[lead.external_id] = answer["id"]
    day.timeline.drain()
    opened = [_deal(day, lead) for lead in leads]
    expected = [(lead.company, lead.suits, lead.amount) for lead in leads]
    found = [(one["account_name"], one["owner_id"], Decimal(one["amount"])) for one in opened]
    day.checks.holds(
        "every converted lead is a deal of its rep", f"{len(leads)} deals", found == expected, f"{len(found)} deals"
    )
    for lead in leads:
        _advance(day, lead, FIRST_CONTACT, DIAGNOSIS)


def the_gate_says_no(day: Day) -> None:
    """11:10 to 11:30: three reps lack one piece of evidence. The gate names it; with it, it opens."""
    won, tried = day.plan.the("won"), day.plan.all("won", "handed", "blocked")
    day.come_to("11:10", "three reps want to go on to the solution; the gate wants a proof of the budget")
    refused = []
    for lead in tried:
        for kind in ("meeting_minutes", "competitor_comparison_table"):
            _upload(day, lead, kind)
        body = {"from": DIAGNOSIS, "to": DESIGN}
        refused.append(day.clients.refused(lead.suits, "pipeline", f"{day.deal_path(lead)}/advance", body))
    named = Counter(" and ".join(rule["requirement"] for rule in one["rules"]) for one in refused)
    found = ", ".join(f"{count} times {what}" for what, count in named.items())
    day.checks.equal("the gate names exactly what is missing", f"3 times {BUDGET}", found)
    told = refused[0]["rules"][0]
    fix = told.get("how_to_fix") or told.get("explain")
    day.checks.holds("and says how to put it right", "a sentence", bool(fix), fix)
    day.come_to("11:30", f"{WANG.name} uploads the customer's confirmation, and the gate opens")
    _upload(day, won, BUDGET)
    _advance(day, won, DIAGNOSIS, DESIGN)
    history = day.clients.get(WANG.person_id, "pipeline", f"{day.deal_path(won)}/history")["visits"]
    package = next(visit["package"] for visit in history if visit["stage"] == DIAGNOSIS)
    found = f"{package['on_time']} of {package['required']} on time"
    day.checks.equal("with the proof the deal goes on", (DESIGN, "3 of 3 on time"), (_deal(day, won)["stage"], found))
    _friction(day)


def _friction(day: Day) -> None:
    day.timeline.drain()
    rows = day.clients.get(DIRECTOR.person_id, "kpi", "/v1/reports/gate-friction")["items"]
    found = [f"{row['stage']}: {row['rejections']} of {row['reps']} reps" for row in rows if row["found_at"]]
    day.checks.equal("that a gate stops many is noticed", [f"{DIAGNOSIS}: 3 of 3 reps"], found)


def quotations(day: Day) -> None:
    """13:45: the deal that will be handed over passes its gate, too; another one gets its quotation."""
    day.come_to("13:45", "a second deal passes its gate; quotations go out")
    handed, won = day.plan.the("handed"), day.plan.the("won")
    _upload(day, handed, BUDGET)
    _advance(day, handed, DIAGNOSIS, DESIGN)
    _advance(day, won, DESIGN, QUOTATION)


def one_is_lost(day: Day) -> None:
    """15:30: one customer goes to a competitor; another one's contract is to be signed."""
    won, lost = day.plan.the("won"), day.plan.the("lost")
    day.come_to("15:30", f"{CHEN.name} loses a deal to a competitor; {WANG.name} has a contract to be signed")
    body = {"reason_code": "price", "competitor": "另一家"}
    day.clients.post(CHEN.person_id, "pipeline", f"{day.deal_path(lost)}/lose", body)
    early = day.clients.refused(WANG.person_id, "pipeline", f"{day.deal_path(won)}/win", {"contract_id": "HT-0"})
    day.checks.equal("a deal is not won before its contract stage", "CONFLICT_STATE", early["code"])
    _advance(day, won, QUOTATION, CONTRACT)


def one_is_won(day: Day) -> None:
    """17:30: the contract is signed; one deal still waits at its gate."""
    won, lost, blocked = day.plan.the("won"), day.plan.the("lost"), day.plan.the("blocked")
    day.come_to("17:30", f"the contract is signed: {won.company}, ¥{won.amount:,}")
    day.clients.post(WANG.person_id, "pipeline", f"{day.deal_path(won)}/win", {"contract_id": f"HT-{day.plan.seed}"})
    ended = [_deal(day, lead)["state"] for lead in (won, lost, blocked)]
    day.checks.equal("one deal is won, one lost, one open", ["won", "lost", "open"], ended)
    blockers = day.clients.get(OWNER.person_id, "pipeline", f"{day.deal_path(blocked)}/blockers")
    found = [one["requirement"] for one in blockers["blocking"]]
    day.checks.equal("the open one says what it waits for", [BUDGET], found)


def _deal(day: Day, lead: PlannedLead) -> Any:
    return day.clients.get(OWNER.person_id, "pipeline", day.deal_path(lead))


def _advance(day: Day, lead: PlannedLead, from_stage: str, to_stage: str) -> None:
    body = {"from": from_stage, "to": to_stage}
    day.clients.post(lead.suits, "pipeline", f"{day.deal_path(lead)}/advance", body)


def _upload(day: Day, lead: PlannedLead, kind: str) -> None:
    name, head = FILES[kind]
    content = head + f"{lead.external_id} {kind}".encode()
    file = (name, content + b" " * (SIZE - len(content)), "application/octet-stream")
    form = {"kind": kind, "created_on": day.begins.date().isoformat()}
    day.clients.post(lead.suits, "pipeline", f"{day.deal_path(lead)}/evidence", files={"file": file}, data=form)

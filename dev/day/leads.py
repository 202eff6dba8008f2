"""The morning: leads come in, find their rep, are accepted, declined, left waiting, claimed from the pool."""

from __future__ import annotations

from typing import Any

from dev.day.cast import CONNECTOR, LI, NAMES, OWNER, POOL, REPS, TOM
from dev.day.hours import Day
from dev.day.plan import PlannedLead

SALES = {rep.person_id for rep in REPS}


def the_fair_opens(day: Day) -> None:
    """09:10: the leads that become deals come in; each finds the rep who knows its trade best."""
    deals = day.plan.all("won", "lost", "handed", "blocked", "stalled")
    day.come_to("09:10", f"{len(deals)} leads from the fair come in and are routed")
    for lead in deals:
        _capture(day, lead)
    again = day.clients.ask(CONNECTOR, "POST", "lead-routing", "/v1/leads", deals[0].body)
    day.timeline.drain()
    found = day.lead(deals[0])
    same = (again.status_code, again.json()["id"]) == (200, found["lead_id"])
    told = f"{found['captures']} captures of one lead"
    day.checks.holds("a badge that is scanned twice stays one lead", "one lead", same and found["captures"] == 2, told)

    suits = [NAMES[lead.suits] for lead in deals]
    day.checks.equal("each goes to the rep who knows its trade", suits, [NAMES[day.owner_of(lead)] for lead in deals])
    (explained,) = _explanations(day, deals[0])
    asked = {one["rep_id"] for one in explained["candidates"]}
    day.checks.equal("the explanation names everybody who was asked", sorted(SALES), sorted(asked))
    day.come_to("09:20", "their reps accept and call")
    for lead in deals:
        _call(day, lead)


def more_come_in(day: Day) -> None:
    """09:40 to 10:15: one is too vague, one is declined, two wait in the pool, many are worked on."""
    worked = day.plan.all("worked")
    others = day.plan.all("declined", "expired", "vague", "disqualified", "silent", "claimed", "pooled")
    day.come_to("09:40", f"{len(others) + len(worked)} more come in, by the fair and by the web form")
    for lead in (*others, *worked):
        _capture(day, lead)
    day.timeline.drain()
    _vague(day)
    _declined(day)
    _pool(day)
    day.come_to("10:15", f"reps work on {len(worked)} leads and plan the next step; one lead turns out to be none")
    for lead in (*worked, *day.plan.all("declined", "vague", "claimed")):
        _call(day, lead)
    nothing = day.plan.the("disqualified")
    _act(day, nothing, "disqualify", {"reason_code": "no_need"})
    state = day.lead(nothing)["state"]
    day.checks.equal("a lead without a need is closed with its reason", "disqualified", state)


def a_call_without_a_plan(day: Day) -> None:
    """11:00: the last thing that happens on a lead for a while."""
    lead = day.plan.the("silent")
    day.come_to("11:00", f"{NAMES[day.owner_of(lead)]} calls a customer and plans nothing")
    _call(day, lead, plan_next_step=False)


def a_window_passes(day: Day) -> None:
    """11:40: nobody accepted a lead of tier A within two business hours; another rep gets it at that very second."""
    lead = day.plan.the("expired")
    before = day.owner_of(lead)
    day.come_to("11:39:59")
    kept = day.owner_of(lead)
    day.come_to("11:40:00", f"{NAMES[before]} has not accepted a lead for two hours: it goes to somebody else")
    after = day.owner_of(lead)
    moved = kept == before != after and after in SALES
    found = f"{NAMES[before]} until 11:39:59, {NAMES[after]} at 11:40:00"
    day.checks.holds("a lead that is not accepted in time changes hands at that second", "another rep", moved, found)
    _call(day, lead)


def _vague(day: Day) -> None:
    lead = day.plan.the("vague")
    held = day.lead(lead)
    day.checks.equal("a lead of which too little is known waits", "ENRICHMENT", held["held_reason"])
    day.come_to("09:45", "the missing region of a vague lead becomes known")
    tag = {"dimension": "region", "value": dict(lead.tags)["region"], "reason": "名片上的地址"}
    day.clients.post(CONNECTOR, "lead-routing", f"{day.lead_path(lead)}/tags", tag)
    day.timeline.drain()
    day.checks.equal("and is routed as soon as it is known", NAMES[lead.suits], NAMES.get(day.owner_of(lead), "nobody"))


def _declined(day: Day) -> None:
    lead = day.plan.the("declined")
    first = day.owner_of(lead)
    day.come_to("09:50", f"{NAMES[first]} declines a lead: conflict of interest")
    _act(day, lead, "decline", {"reason_code": "conflict_of_interest"}, by=first)
    day.timeline.drain()
    second = day.owner_of(lead)
    explanations = _explanations(day, lead)
    (seen,) = [one for one in explanations[-1]["candidates"] if one["rep_id"] == first]
    moved = second != first and second in SALES and len(explanations) == 2 and "DECLINED" in seen["filters"]
    told = f"from {NAMES[first]} to {NAMES.get(second, second)}; {NAMES[first]} left out: {', '.join(seen['filters'])}"
    day.checks.holds("a declined lead goes to somebody else", "another rep, with the reason", moved, told)


def _pool(day: Day) -> None:
    claimed, pooled = day.plan.the("claimed"), day.plan.the("pooled")
    listed = day.clients.get(LI.person_id, "lead-routing", f"/v1/pools/{POOL}/leads")["items"]
    masked = sorted(f"{lead.company[:2]}***" for lead in (claimed, pooled))
    shown = sorted(one["company"] for one in listed)
    day.checks.equal("leads of the web form wait in the pool, masked", masked, shown)
    day.come_to("10:00", f"{LI.name} claims one from the pool, {TOM.name} comes too late")
    path = f"{day.lead_path(claimed)}/claim"
    day.clients.post(LI.person_id, "lead-routing", path)
    late = day.clients.refused(TOM.person_id, "lead-routing", path, {})
    day.timeline.drain()
    found = (NAMES[day.owner_of(claimed)], late["code"])
    day.checks.equal("exactly one claims a pooled lead", (LI.name, "LEAD_ALREADY_CLAIMED"), found)


def _capture(day: Day, lead: PlannedLead) -> None:
    day.lead_ids[lead.external_id] = day.clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead.body)["id"]


def _act(day: Day, lead: PlannedLead, verb: str, body: object = None, by: str | None = None) -> None:
    day.clients.post(by or day.owner_of(lead), "lead-routing", f"{day.lead_path(lead)}/{verb}", body)


def _call(day: Day, lead: PlannedLead, *, plan_next_step: bool = True) -> None:
    """Its rep calls the customer, which accepts the lead."""
    call = {"kind": "call", "direction": "out", "duration_s": 60 + len(lead.company) * 17, "text": lead.note}
    if plan_next_step:
        call["next_step_due"] = day.next_step
    _act(day, lead, "activities", call)


def _explanations(day: Day, lead: PlannedLead) -> list[Any]:
    path = f"{day.lead_path(lead)}/routing-explanations"
    found: list[Any] = day.clients.get(OWNER.person_id, "lead-routing", path)["items"]
    return found

"""The days after: leads on which nobody works are told of at the very second, to the right people, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dev.day.cast import CONNECTOR, MANAGERS, NAMES, OWNER
from dev.day.hours import Day
from dev.day.plan import PlannedLead

TUESDAY, WEDNESDAY, FRIDAY, NEXT_MONDAY = 1, 2, 4, 7


def silent_since_monday(day: Day) -> None:
    """Tuesday 11:00:01: a workday without a move. The rep acknowledges with a next step, and does it."""
    lead = day.plan.the("silent")
    rep = day.owner_of(lead)
    day.come_to("11:00:00", days=TUESDAY)
    before = _alerts(day, lead)
    day.come_to("11:00:01", f"a workday has passed since {NAMES[rep]} called: alert A01", TUESDAY)
    found = [*before, *_alerts(day, lead)]
    day.checks.equal("a lead is silent after one workday, to the second", ["A01 at Tue 11:00:01"], _told(day, found))
    day.come_to("11:04", f"{NAMES[rep]} acknowledges, with a next step on Wednesday", TUESDAY)
    (alert,) = _alerts(day, lead)
    answer = {"until": day.at("18:00", WEDNESDAY).isoformat(), "next_action": "周三上午电话约访"}
    day.clients.post(rep, "alerting", f"/v1/alerts/{alert['alert_id']}/ack", answer)
    (alert,) = _alerts(day, lead)
    answered = f"{alert['state']} by {NAMES[alert['ack_by']]}"
    day.checks.equal("the alert is acknowledged", f"acknowledged by {NAMES[rep]}", answered)

    day.come_to("10:00", f"{NAMES[rep]} calls as promised", WEDNESDAY)
    call = {"kind": "call", "direction": "out", "duration_s": 260, "text": f"回访{lead.company}，约定下周三上门演示"}
    call["next_step_due"] = day.next_step
    day.clients.post(rep, "lead-routing", f"{day.lead_path(lead)}/activities", call)
    day.timeline.drain()
    (alert,) = _alerts(day, lead)
    ended = f"{alert['state']} by its {alert['resolved_by']}"
    day.checks.equal("what was promised resolves it", "resolved by its condition", ended)


def over_the_weekend(day: Day) -> None:
    """Friday 17:00 to Monday 17:00:01: the weekend does not count, the Monday does."""
    lead = day.plan.the("weekend")
    day.come_to("16:00", "a last lead comes in before the weekend", FRIDAY)
    answer = day.clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead.body)
    day.lead_ids[lead.external_id] = answer["id"]
    day.timeline.drain()
    owner = day.owner_of(lead)
    day.come_to("17:00", f"{NAMES[owner]} calls, and plans nothing", FRIDAY)
    call = {"kind": "call", "direction": "out", "duration_s": 95, "text": lead.note}
    day.clients.post(owner, "lead-routing", f"{day.lead_path(lead)}/activities", call)
    day.come_to("18:00", "the board of the week is closed", FRIDAY)
    board = _board(day)
    silent = day.plan.the("silent")
    items = [(item["subject"]["id"], item["band"]) for item in board["items"]]
    held = board["frozen"] and items == [(day.lead_ids[silent.external_id], "cleared")]
    told = f"{'frozen' if board['frozen'] else 'live'}: {', '.join(band for _, band in items) or 'empty'}"
    day.checks.holds("the week's board is frozen with what was cleared", "frozen: cleared", held, told)

    day.come_to("17:00:00", days=NEXT_MONDAY)
    before = _alerts(day, lead)
    day.come_to("17:00:01", "a workday after Friday 17:00: alert A01", NEXT_MONDAY)
    found = [*before, *_alerts(day, lead)]
    day.checks.equal("of a lead silent since Friday 17:00 we hear", ["A01 at Mon 17:00:01"], _told(day, found))
    day.come_to("17:04", "both are told", NEXT_MONDAY)
    _both_are_told(day, owner)


def _both_are_told(day: Day, owner: str) -> None:
    (alert,) = _alerts(day, day.plan.the("weekend"))
    path = f"/v1/notifications?alert={alert['alert_id']}"
    told = day.clients.get(OWNER.person_id, "alerting", path)["items"]
    found = sorted(f"{NAMES[one['recipient']]} {one['state']}" for one in told)
    expected = sorted([f"{NAMES[owner]} sent", f"{NAMES[MANAGERS[owner] or owner]} sent"])
    day.checks.equal("the rep and the manager get one message each", expected, found)
    items = [item["band"] for item in _board(day)["items"] if item["alert_id"] == alert["alert_id"]]
    day.checks.equal("the live board shows it", ["silent"], items)


def _alerts(day: Day, lead: PlannedLead) -> list[Any]:
    path = f"/v1/alerts?rule=A01&subject={day.lead_ids[lead.external_id]}"
    found: list[Any] = day.clients.get(OWNER.person_id, "alerting", path)["items"]
    return found


def _board(day: Day) -> Any:
    return day.clients.get(OWNER.person_id, "alerting", "/v1/boards/weekly")


def _told(day: Day, alerts: Sequence[Any]) -> list[str]:
    return [f"{one['rule_code']} at {day.local(one['raised_at'])}" for one in alerts]

"""Work on a lead: activities with their verdict, first response, protection, conversion and the other ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from libs.events.contracts.lead_routing import (
    LeadAccepted,
    LeadActivityRecorded,
    LeadClaimed,
    LeadConverted,
    LeadDisqualified,
    LeadFirstResponded,
    LeadReassigned,
    LeadReopened,
    WorkloadChanged,
)
from libs.events.errors import NotFound
from libs.events.facts import Actor, Dated, Fact
from libs.events.testing import given
from libs.events.testing.decisions import Outcome
from libs.events.testing.instants import shanghai
from services.lead_routing.followup.domain import (
    CONVERT,
    DISQUALIFY,
    RECORD_ACTIVITY,
    REOPEN,
    ConvertLead,
    DisqualifyLead,
    RecentNotes,
    RecordActivity,
    ReopenLead,
)
from services.lead_routing.leads.lead import LEAD
from services.lead_routing.tests.scenes import (
    CALENDARS,
    EVERYTHING,
    NOON,
    RULES,
    SEALER,
    assigned,
    pooled,
    reach,
)

LI = reach("li")
CALL = {"kind": "call", "duration_s": 120, "direction": "out"}
NOTE = "客户确认三月底前需要报价，联系人换成王工"


def record(facts: list[Fact], now: datetime, notes: tuple[str, ...] = (), who: str = "li", **fields: Any) -> Outcome:
    command = RecordActivity.model_validate({"lead_id": "lead-1", "activity_id": "activity-1", **fields})
    return given(RECORD_ACTIVITY, *facts).when(
        command, now, CALENDARS, RULES, SEALER, reach(who), RecentNotes(notes), actor=Actor(id=who)
    )


def test_the_first_substantive_act_accepts_the_lead_and_answers_the_customer() -> None:
    """3.1.2, 3.1.3-11"""
    now = shanghai("2026-03-02 14:00")
    outcome = record(assigned("li"), now, **CALL)
    assert outcome.fact(LeadAccepted).rep_id == "li"
    assert outcome.fact(LeadActivityRecorded).substantive
    elapsed = outcome.fact(LeadFirstResponded).elapsed
    assert (elapsed.wall, elapsed.business) == (7200, 1800)


def test_a_change_of_owner_does_not_reset_the_customers_clock() -> None:
    """3.1.3-11"""
    moved = LeadReassigned(
        lead_id="lead-1", from_rep="li", to_rep="wang", cause="sla", reassigned_at=NOON + timedelta(days=1)
    )
    outcome = record([*assigned("li"), moved], NOON + timedelta(days=2), who="wang", **CALL)
    assert outcome.fact(LeadFirstResponded).elapsed.wall == 2 * 86_400


def test_what_does_not_count_is_recorded_with_the_reason_and_accepts_nothing() -> None:
    """3.1.3-8"""
    outcome = record(assigned("li"), NOON, kind="call", duration_s=10)
    outcome_facts = [one.fact if isinstance(one, Dated) else one for one in outcome.facts]
    assert len(outcome_facts) == 1
    recorded = outcome.fact(LeadActivityRecorded)
    assert (recorded.substantive, recorded.why_not, recorded.protected_until) == (False, "CALL_TOO_SHORT", None)


def test_a_text_like_one_of_the_last_notes_does_not_count_and_is_sealed() -> None:
    """3.1.3-8"""
    recorded = record(assigned("li"), NOON, (NOTE,), kind="note", text=NOTE).fact(LeadActivityRecorded)
    assert recorded.why_not == "REPEATED_TEXT"
    assert recorded.note.subject == "lead-1"
    assert NOTE not in recorded.model_dump_json()


def test_protection_grows_with_substantive_acts_up_to_its_maximum() -> None:
    """3.1.8-4"""
    claimed_at = shanghai("2026-03-02 10:00")
    claimed = LeadClaimed(
        lead_id="lead-1",
        rep_id="li",
        pool_id="pool-1",
        claimed_at=claimed_at,
        quota_after=4,
        protected_until=claimed_at + timedelta(days=10),
    )
    facts: list[Fact] = [*pooled(), claimed]
    for acted, until in (
        ("03-05", "03-12"),
        ("03-11", "03-14"),
        ("03-14", "03-17"),
        ("03-17", "03-20"),
        ("03-20", "03-22"),
    ):
        now = shanghai(f"2026-{acted} 10:00")
        recorded = record(facts, now, **CALL).fact(LeadActivityRecorded)
        assert recorded.protected_until == shanghai(f"2026-{until} 10:00")
        facts.append(recorded)


def test_an_act_recorded_more_than_a_day_late_extends_nothing() -> None:
    """3.1.7"""
    facts = [*assigned("li")]
    facts[-2] = facts[-2].model_copy(update={"protected_until": NOON + timedelta(days=10)})
    now = NOON + timedelta(days=9, hours=12)
    late = record(facts, now, happened_at=now - timedelta(hours=25), late_reason="出差", **CALL)
    assert late.fact(LeadActivityRecorded).protected_until == NOON + timedelta(days=10)
    dated = next(one for one in late.facts if isinstance(one, Dated))
    assert (dated.occurred_at, dated.reason) == (now - timedelta(hours=25), "出差")
    prompt = record(facts, now, happened_at=now - timedelta(hours=24), late_reason="出差", **CALL)
    assert prompt.fact(LeadActivityRecorded).protected_until == now + timedelta(days=2)


def test_nobody_else_records_on_a_reps_lead_and_nobody_on_one_in_a_pool() -> None:
    with pytest.raises(NotFound):
        record(assigned("li"), NOON, who="wang", **CALL)
    with pytest.raises(NotFound):
        record(pooled(), NOON, **CALL)


def test_a_converted_lead_carries_its_tags_over_and_weighs_nothing() -> None:
    """F3"""
    command = ConvertLead(
        lead_id="lead-1", opportunity_id="opportunity-1", account_id="account-1", amount=Decimal(100), currency="CNY"
    )
    outcome = given(CONVERT, *assigned("li")).when(command, NOON, LI)
    converted = outcome.fact(LeadConverted)
    assert (converted.rep_id, converted.tier, converted.company) == ("li", "A", "华东精工")
    assert converted.tags["region"] == "jiangsu/suzhou"
    assert outcome.fact(WorkloadChanged) == WorkloadChanged(rep_id="li", item="lead-1", weight=Decimal(0))
    given(CONVERT, *assigned("li"), converted).when(command, NOON, LI).then_rejected("CONFLICT_STATE")


def test_an_amount_needs_its_currency() -> None:
    command = ConvertLead(lead_id="lead-1", opportunity_id="o", account_id="a", amount=Decimal(100))
    given(CONVERT, *assigned("li")).when(command, NOON, LI).then_rejected("VALIDATION")


def test_a_disqualified_lead_can_be_reopened_by_its_former_owner() -> None:
    """3.1.2"""
    command = DisqualifyLead(lead_id="lead-1", reason_code="no_need")
    ended = given(DISQUALIFY, *assigned("li")).when(command, NOON, LI).fact(LeadDisqualified)
    reopen = ReopenLead(lead_id="lead-1", reason="客户回电")
    given(REOPEN, *assigned("li"), ended).when(reopen, NOON, LI).then(
        LeadReopened(lead_id="lead-1", reason="客户回电", reopened_at=NOON)
    )
    with pytest.raises(NotFound):
        given(REOPEN, *assigned("li"), ended).when(reopen, NOON, reach("wang"))


def test_a_lead_that_ended_by_itself_is_no_loss_of_ownership() -> None:
    """3.1.3-6"""
    lead = LEAD.initial
    ended = LeadDisqualified(lead_id="lead-1", rep_id="li", reason_code="no_need", disqualified_at=NOON)
    for fact in [*assigned("li"), ended]:
        lead = LEAD.evolve(lead, fact)
    assert lead.cooling_down("li", NOON, 30) is None
    assert replace(lead, lost={"li": NOON}).cooling_down("li", NOON, 30) == NOON + timedelta(days=30)


def test_a_process_owner_can_end_any_lead() -> None:
    command = DisqualifyLead(lead_id="lead-1", reason_code="no_need")
    given(DISQUALIFY, *pooled()).when(command, NOON, EVERYTHING).fact(LeadDisqualified)

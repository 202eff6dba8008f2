"""The gate, and the ways back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import (
    MissingRequirement,
    OpportunityWon,
    Package,
    RequirementSatisfied,
    StageAdvanced,
    StageAdvanceRejected,
    StageRegressed,
)
from libs.events.errors import NotFound
from libs.events.facts import RuleRef
from libs.events.testing import given
from libs.rules.documents import RuleBook
from services.pipeline.definitions.default import DEFAULT_DEFINITION, DEFAULT_ID
from services.pipeline.opportunities.domain import dwell_of
from services.pipeline.opportunities.moves import ADVANCE, REGRESS, AdvanceStage, RegressStage
from services.pipeline.tests.samples import (
    CALENDARS,
    DEAL,
    LI,
    MONDAY,
    NOTHING_REQUIRED,
    SUN,
    THE_THREE,
    TUESDAY,
    WANG,
    ZHOU,
    actor,
    advanced,
    consulted,
    opened,
    path_to,
    published,
    satisfied,
)

IN_DIAGNOSIS = path_to("demand_diagnosis")
TO_DIAGNOSIS = AdvanceStage(opportunity_id=DEAL, from_stage="first_contact", to_stage="demand_diagnosis")
TO_DESIGN = AdvanceStage(opportunity_id=DEAL, from_stage="demand_diagnosis", to_stage="solution_design")
BACK = RegressStage(opportunity_id=DEAL, to_stage="demand_diagnosis", reason_code="customer_changed_need")
BUDGET_MISSING = MissingRequirement(
    requirement="budget_confirmation_screenshot",
    explain="进入方案设计前需要预算确认截图",
    how_to_fix="上传客户确认预算的聊天或邮件截图（PNG、JPG 或 PDF）",
)


def refusal(**changes: object) -> StageAdvanceRejected:
    """What a refused advance on Tuesday leaves."""
    known: dict[str, object] = {
        "opportunity_id": DEAL,
        "owner_id": LI,
        "stage": "demand_diagnosis",
        "to_stage": "solution_design",
        "visit": 1,
        "missing": [BUDGET_MISSING],
        "seconds_since_open": 25 * 3600,
        "requested_by": LI,
        "rejected_at": TUESDAY,
        "rule_refs": [RuleRef(rule_id=DEFAULT_ID, version=0)],
    }
    return StageAdvanceRejected(**{**known, **changes})


def test_a_stage_without_a_package_is_left_for_the_next_one() -> None:
    """3.2.3-3"""
    moved = given(ADVANCE, opened()).when(TO_DIAGNOSIS, TUESDAY, *consulted(), actor=actor()).fact(StageAdvanced)
    assert moved.dwell == Elapsed(wall=25 * 3600, workday=25 * 3600, business=int(8.5 * 3600))
    assert moved.calendar_version == CALENDARS.of(LI).version
    assert (moved.visit, moved.next_visit, moved.package) == (1, 1, NOTHING_REQUIRED)
    assert moved.rule_refs == [RuleRef(rule_id=DEFAULT_ID, version=0)]


def test_the_gate_names_exactly_the_missing_requirement_and_leaves_a_fact() -> None:
    """3.2.9-1 before the upload"""
    facts = [*IN_DIAGNOSIS, satisfied("meeting_minutes"), satisfied("competitor_comparison_table")]
    refused = given(ADVANCE, *facts).when(TO_DESIGN, TUESDAY, *consulted(), actor=actor())
    problem = refused.then_rejected("RULE_VIOLATION", refusal())
    assert problem.details["rules"] == [{"rule_id": DEFAULT_ID, "version": 0, **BUDGET_MISSING.model_dump()}]


def test_the_full_package_opens_the_gate() -> None:
    """3.2.9-1 after the upload"""
    facts = [*IN_DIAGNOSIS, *(satisfied(one) for one in THE_THREE)]
    moved = given(ADVANCE, *facts).when(TO_DESIGN, TUESDAY, *consulted(), actor=actor()).fact(StageAdvanced)
    assert moved.package == Package(required=3, on_time=3)


def test_a_backfilled_requirement_opens_the_gate_but_is_not_on_time() -> None:
    """3.2.3-4"""
    facts = [*IN_DIAGNOSIS, *(satisfied(one) for one in THE_THREE[:2]), satisfied(THE_THREE[2], mode="backfill")]
    moved = given(ADVANCE, *facts).when(TO_DESIGN, TUESDAY, *consulted(), actor=actor()).fact(StageAdvanced)
    assert moved.package == Package(required=3, on_time=2, backfilled=1)


def test_an_impatient_person_leaves_one_refusal_in_ten_seconds() -> None:
    """3.2.3-10"""
    facts = [*IN_DIAGNOSIS, *(satisfied(one) for one in THE_THREE[:2]), refusal()]
    for seconds, recorded in ((9, 0), (10, 1)):
        outcome = given(ADVANCE, *facts).when(
            TO_DESIGN, TUESDAY + timedelta(seconds=seconds), *consulted(), actor=actor()
        )
        assert len(outcome.then_rejected("RULE_VIOLATION").record) == recorded


def test_another_person_leaves_a_refusal_of_their_own() -> None:
    """3.2.3-10"""
    facts = [*IN_DIAGNOSIS, *(satisfied(one) for one in THE_THREE[:2]), refusal()]
    outcome = given(ADVANCE, *facts).when(TO_DESIGN, TUESDAY, *consulted(ZHOU), actor=actor(ZHOU))
    outcome.then_rejected("RULE_VIOLATION", refusal(requested_by=ZHOU))


def test_the_second_of_two_who_advance_at_once_learns_the_new_stage() -> None:
    """3.2.8: first wins, second 409 with the new stage"""
    outcome = given(ADVANCE, *IN_DIAGNOSIS).when(TO_DIAGNOSIS, TUESDAY, *consulted(), actor=actor())
    assert outcome.then_rejected("CONFLICT_STATE").details == {"stage": "demand_diagnosis", "visit": 1}


def test_nobody_skips_a_stage_and_trying_it_is_a_fact() -> None:
    """3.2.3-3, S-14"""
    skip = TO_DIAGNOSIS.model_copy(update={"to_stage": "quotation"})
    refused = given(ADVANCE, opened()).when(skip, TUESDAY, *consulted(SUN), actor=actor(SUN))
    (fact,) = refused.then_rejected("RULE_VIOLATION").record
    assert isinstance(fact, StageAdvanceRejected)
    assert [one.requirement for one in fact.missing] == ["transition"]


def test_the_matrix_may_allow_a_skip() -> None:
    """3.2.3-3"""
    rules = RuleBook([published(1, moves=[{"from_stage": "first_contact", "to_stage": "quotation", "kind": "skip"}])])
    skip = TO_DIAGNOSIS.model_copy(update={"to_stage": "quotation"})
    facts = given(ADVANCE, opened(definition_version=1)).when(skip, TUESDAY, *consulted(rules=rules), actor=actor())
    assert facts.fact(StageAdvanced).to_stage == "quotation"


def test_no_role_can_set_a_stage_only_advance_moves_it() -> None:
    """3.2.9-3"""
    with pytest.raises(ValidationError, match="Extra inputs"):
        AdvanceStage.model_validate({**TO_DESIGN.model_dump(), "stage": "contract_signing"})
    for person in (SUN, "owner-he"):
        outcome = given(ADVANCE, *IN_DIAGNOSIS).when(TO_DESIGN, TUESDAY, *consulted(person), actor=actor(person))
        outcome.then_rejected("RULE_VIOLATION")


def test_an_unknown_stage_is_refused_with_the_nearest_one() -> None:
    typo = TO_DIAGNOSIS.model_copy(update={"to_stage": "demand_diagnose"})
    refused = given(ADVANCE, opened()).when(typo, TUESDAY, *consulted(), actor=actor()).then_rejected("VALIDATION")
    assert refused.details["nearest"] == {"id": "demand_diagnosis", "name": "需求诊断"}
    assert not refused.record


def test_forward_does_not_lead_back() -> None:
    back = TO_DESIGN.model_copy(update={"to_stage": "first_contact"})
    given(ADVANCE, *IN_DIAGNOSIS).when(back, TUESDAY, *consulted(), actor=actor()).then_rejected("VALIDATION")


def test_a_colleagues_deal_is_not_there() -> None:
    with pytest.raises(NotFound):
        given(ADVANCE, opened()).when(TO_DIAGNOSIS, TUESDAY, *consulted(WANG), actor=actor(WANG))


def test_back_is_allowed_with_a_reason_and_opens_a_second_visit() -> None:
    """3.2.3-2, 3.2.3-3"""
    moved = given(REGRESS, *path_to("quotation")).when(BACK, TUESDAY, *consulted(), actor=actor()).fact(StageRegressed)
    assert (moved.from_stage, moved.to_stage, moved.steps) == ("quotation", "demand_diagnosis", 2)
    assert (moved.visit, moved.next_visit) == (1, 2)
    assert moved.dwell == dwell_of(MONDAY, TUESDAY, CALENDARS.of(LI))


def test_back_without_a_known_reason_is_refused() -> None:
    typo = BACK.model_copy(update={"reason_code": "customer_change_need"})
    refused = given(REGRESS, *path_to("quotation")).when(typo, TUESDAY, *consulted(), actor=actor())
    assert refused.then_rejected("VALIDATION").details["nearest"]["id"] == "customer_changed_need"


def back_in_diagnosis() -> list[object]:
    """The deal went through its diagnosis with all three, and came back."""
    regressed = StageRegressed(
        opportunity_id=DEAL,
        owner_id=LI,
        from_stage="solution_design",
        to_stage="demand_diagnosis",
        visit=1,
        next_visit=2,
        steps=1,
        reason_code="wrong_stage",
        entered_at=MONDAY,
        regressed_at=TUESDAY,
        dwell=dwell_of(MONDAY, TUESDAY, CALENDARS.of(LI)),
        package=NOTHING_REQUIRED,
    )
    done = [satisfied(one) for one in THE_THREE]
    return [*IN_DIAGNOSIS, *done, advanced("demand_diagnosis", "solution_design"), regressed]


def test_fulfilment_belongs_to_a_visit() -> None:
    """3.2.3-2"""
    outcome = given(ADVANCE, *back_in_diagnosis()).when(TO_DESIGN, TUESDAY, *consulted(), actor=actor())
    (fact,) = outcome.then_rejected("RULE_VIOLATION").record
    assert isinstance(fact, StageAdvanceRejected)
    assert (len(fact.missing), fact.visit) == (3, 2)


def test_a_gate_that_keeps_carries_fulfilments_over_as_facts() -> None:
    """3.2.3-2"""
    gates = [{**DEFAULT_DEFINITION["gates"][0], "carry_over": "keep"}]
    done = [satisfied(one, evidence=[f"file-{one}"]) for one in THE_THREE]
    facts = [*IN_DIAGNOSIS, *done, advanced("demand_diagnosis", "solution_design", definition_version=1)]
    rules = RuleBook([published(1, gates=gates)])
    outcome = given(REGRESS, *facts).when(BACK, TUESDAY, *consulted(rules=rules), actor=actor())
    carried = [fact for fact in outcome.facts if isinstance(fact, RequirementSatisfied)]
    assert [(one.requirement, one.visit, one.mode) for one in carried] == [
        (one, 2, "carried-over") for one in THE_THREE
    ]
    assert carried[0].evidence == ["file-meeting_minutes"]


def test_a_deal_keeps_its_version_until_its_next_transition() -> None:
    """3.2.3-8, 3.2.8: a gate added while deals are inside the stage applies at their next visit"""
    text = {"zh": "需要", "en": "needed"}
    asks = {"code": "bant", "type": "confirmation", "explain": text, "how_to_fix": text}
    stages = ("first_contact", "demand_diagnosis")
    rules = RuleBook([published(1, gates=[{"stage": stage, "requirements": [asks]} for stage in stages])])
    outcome = given(ADVANCE, opened()).when(TO_DIAGNOSIS, TUESDAY, *consulted(rules=rules), actor=actor())
    moved = outcome.fact(StageAdvanced)
    assert (moved.rule_refs[0].version, moved.definition_version) == (0, 1)
    later = given(ADVANCE, opened(), moved).when(TO_DESIGN, TUESDAY, *consulted(rules=rules), actor=actor())
    assert [one["requirement"] for one in later.then_rejected("RULE_VIOLATION").details["rules"]] == ["bant"]


def test_a_closed_deal_does_not_move() -> None:
    won = OpportunityWon.model_construct(opportunity_id=DEAL, amount=None)
    outcome = given(ADVANCE, *IN_DIAGNOSIS, won).when(TO_DESIGN, TUESDAY, *consulted(), actor=actor())
    assert outcome.then_rejected("CONFLICT_STATE").details["state"] == "won"

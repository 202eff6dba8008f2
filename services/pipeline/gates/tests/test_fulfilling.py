"""Requirements of every type, and taking a fulfilment back."""

from __future__ import annotations

from typing import Any

import pytest

from libs.events.contracts.pipeline import EvidenceRejected, RequirementInvalidated, RequirementSatisfied
from libs.events.testing import given
from libs.rules.documents import RuleBook
from services.pipeline.definitions.domain import PipelineDefinition
from services.pipeline.gates.domain import evaluate
from services.pipeline.gates.fulfilling import (
    COMPLETE,
    INVALIDATE,
    CompleteRequirement,
    InvalidateRequirement,
    RecentTexts,
)
from services.pipeline.opportunities.domain import Fulfilled
from services.pipeline.tests.samples import (
    DEAL,
    TUESDAY,
    actor,
    attached,
    consulted,
    opened,
    path_to,
    published,
    satisfied,
)

WORDS = {"zh": "需要", "en": "needed"}


def asks(code: str, sort: str, **more: Any) -> dict[str, Any]:
    """A requirement."""
    return {"code": code, "type": sort, "explain": WORDS, "how_to_fix": WORDS, **more}


GATE = {
    "stage": "first_contact",
    "requirements": [
        asks("need", "text"),
        asks("need_hint", "text", on_fail="warn"),
        asks("agreed", "confirmation"),
        asks("bant", "checklist", items=["budget", "authority"]),
        asks("visited", "activity", min_count=2),
        asks("two_photos", "attachment", kind="photo", min_count=2),
        asks("has_amount", "field_present", field="amount"),
    ],
}
RULES = RuleBook([published(1, gates=[GATE])])
LONG_TEXT = "客户要求增加售后条款，法务下周给出意见。"


def complete(requirement: str, *facts: Any, texts: RecentTexts | None = None, **how: Any) -> Any:
    """The outcome of completing a requirement of the first stage."""
    command = CompleteRequirement(opportunity_id=DEAL, requirement=requirement, attempt_id="attempt-1", **how)
    known = [one for one in consulted(rules=RULES) if not isinstance(one, RecentTexts)]
    scene = given(COMPLETE, opened(definition_version=1), *facts)
    return scene.when(command, TUESDAY, *known, texts or RecentTexts(), actor=actor())


@pytest.mark.parametrize(
    ("requirement", "not_enough", "enough"),
    [
        ("need", {}, {"text": LONG_TEXT}),
        ("agreed", {}, {"confirmed": True}),
        ("bant", {"items": ["budget"]}, {"items": ["authority", "budget"]}),
        ("visited", {"activities": ["visit-1", "visit-1"]}, {"activities": ["visit-1", "visit-2"]}),
        ("two_photos", {"evidence": ["photo-1", "minutes"]}, {"evidence": ["photo-1", "photo-2"]}),
    ],
)
def test_each_type_asks_for_its_own(requirement: str, not_enough: dict[str, Any], enough: dict[str, Any]) -> None:
    files = [attached("photo-1", "photo"), attached("photo-2", "photo"), attached("minutes", "meeting_minutes")]
    refused = complete(requirement, *files, **not_enough).then_rejected("RULE_VIOLATION")
    assert [one["requirement"] for one in refused.details["rules"]] == [requirement]
    done = complete(requirement, *files, **enough).fact(RequirementSatisfied)
    assert (done.requirement, done.stage, done.visit, done.mode) == (requirement, "first_contact", 1, "normal")


def test_a_placeholder_is_refused_and_leaves_a_fact() -> None:
    """3.2.1: failing checks always append the fact"""
    (fact,) = complete("need", text="同上").then_rejected("RULE_VIOLATION").record
    assert isinstance(fact, EvidenceRejected)
    assert (fact.check, fact.requirement, fact.evidence_id) == ("TEXT_PLACEHOLDER", "need", "attempt-1")


def test_the_last_texts_are_not_pasted_again() -> None:
    """3.2.1"""
    complete("need", text=LONG_TEXT, texts=RecentTexts([LONG_TEXT])).then_rejected("RULE_VIOLATION")


def test_a_text_check_that_warns_lets_it_pass_with_a_mark() -> None:
    assert complete("need_hint", text="暂无").fact(RequirementSatisfied).warnings == ["TEXT_PLACEHOLDER"]


def test_completing_twice_changes_nothing() -> None:
    done = complete("agreed", confirmed=True).fact(RequirementSatisfied)
    complete("agreed", done, confirmed=True).then()


def test_a_requirement_of_another_stage_is_not_completed_here() -> None:
    complete("meeting_minutes", evidence=["x"]).then_rejected("VALIDATION")


def test_a_field_that_is_there_fulfils_by_itself() -> None:
    definition = PipelineDefinition.model_validate(RULES.published("pipeline-definition")[0].document)
    gate = definition.gate("first_contact")
    missing = evaluate(gate, {"need": Fulfilled()}, {"amount": 1})
    assert [one.code for one in missing.blocking] == ["agreed", "bant", "visited", "two_photos"]
    assert [one.code for one in missing.warning] == ["need_hint"]
    assert (missing.package.required, missing.package.on_time) == (7, 2)


def test_a_fulfilment_taken_back_blocks_the_next_gate() -> None:
    """3.2.8: requirement satisfied, then evidence superseded"""
    facts = [*path_to("demand_diagnosis"), satisfied("meeting_minutes")]
    command = InvalidateRequirement(opportunity_id=DEAL, requirement="meeting_minutes", cause="unreadable")
    taken_back = RequirementInvalidated(
        opportunity_id=DEAL,
        stage="demand_diagnosis",
        visit=1,
        requirement="meeting_minutes",
        cause="unreadable",
        invalidated_at=TUESDAY,
    )
    given(INVALIDATE, *facts).when(command, TUESDAY, *consulted(), actor=actor()).then(taken_back)
    given(INVALIDATE, *facts, taken_back).when(command, TUESDAY, *consulted(), actor=actor()).then()

"""Capturing leads once, tagging and tiering them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from libs.events.contracts.lead_routing import (
    LeadCaptured,
    LeadCaptureRepeated,
    LeadDisqualified,
    LeadReopened,
    LeadSourceBound,
    LeadTagCorrected,
    LeadTagged,
    LeadTiered,
)
from libs.events.testing import given
from services.lead_routing.leads.company import company_key
from services.lead_routing.leads.domain import CAPTURE, CORRECT_TAG, CaptureLead, CorrectTag, From, lead_id_of
from services.lead_routing.tests.scenes import EVERYTHING, NOON, RULES, SEALER, assigned, captured

EXPO = From(channel="expo", external_id="badge-1")


def capture(**more: Any) -> CaptureLead:
    plain = {
        "lead_id": "lead-1",
        "source": EXPO.model_dump(),
        "company": "华东精工有限公司",
        "contacts": [{"name": "张三", "phone": "13900000001"}],
        "tags": [
            {"dimension": "budget", "value": "500k-2m"},
            {"dimension": "interaction", "value": "7"},
            {"dimension": "region", "value": "jiangsu"},
        ],
    }
    return CaptureLead.model_validate({**plain, **more})


def test_a_captured_lead_has_its_tags_and_tier_and_no_personal_text_in_the_clear() -> None:
    """3.1.2"""
    outcome = given(CAPTURE).when(capture(), NOON, RULES, SEALER)
    kinds = [type(fact) for fact in outcome.facts]
    assert kinds == [LeadSourceBound, LeadCaptured, LeadTagged, LeadTagged, LeadTagged, LeadTiered]
    assert outcome.fact(LeadTiered).tier == "A"
    contact = outcome.fact(LeadCaptured).contacts[0]
    assert contact.phone.subject == contact.contact_id
    assert "13900000001" not in str([fact.data() for fact in outcome.facts])  # type: ignore[union-attr]


def test_the_same_source_never_becomes_two_leads() -> None:
    """3.1.3-9"""
    first = given(CAPTURE).when(capture(), NOON, RULES, SEALER).facts
    again = given(CAPTURE, *first).when(capture(lead_id="lead-2"), NOON, RULES, SEALER)  # type: ignore[arg-type]
    repeated = again.fact(LeadCaptureRepeated)
    assert (len(again.facts), repeated.lead_id) == (1, "lead-1")
    assert lead_id_of("demotenant", EXPO) == lead_id_of("demotenant", EXPO)
    assert lead_id_of("demotenant", EXPO) != lead_id_of("othertenant", EXPO)


def test_a_lead_captured_again_after_it_was_disqualified_is_reopened_within_180_days() -> None:
    """3.1.7"""
    ended = LeadDisqualified(lead_id="lead-1", reason_code="no_need", disqualified_at=NOON)
    facts = [LeadSourceBound(source_key=EXPO.key, lead_id="lead-1"), *captured(), ended]
    soon = NOON + timedelta(days=180, seconds=-1)
    assert given(CAPTURE, *facts).when(capture(), soon, RULES, SEALER).fact(LeadReopened).lead_id == "lead-1"
    late = given(CAPTURE, *facts).when(capture(), NOON + timedelta(days=180), RULES, SEALER)
    assert [type(fact) for fact in late.facts] == [LeadCaptureRepeated]


def test_without_an_external_id_every_capture_is_a_lead_of_its_own() -> None:
    outcome = given(CAPTURE).when(capture(source={"channel": "hotline"}), NOON, RULES, SEALER)
    assert isinstance(outcome.facts[0], LeadCaptured)
    repeated = given(CAPTURE, *captured()).when(capture(source={"channel": "hotline"}), NOON, RULES, SEALER)
    repeated.then_rejected("CONFLICT_STATE")


def test_a_corrected_tag_may_change_the_tier() -> None:
    """3.1.2"""
    correct = CorrectTag(lead_id="lead-1", dimension="budget", value="100k-500k", reason="预算缩减")
    given(CORRECT_TAG, *assigned("li")).when(correct, NOON, RULES, EVERYTHING).then(
        LeadTagCorrected(lead_id="lead-1", dimension="budget", old="500k-2m", new="100k-500k", reason="预算缩减"),
        LeadTiered.model_validate(
            {"lead_id": "lead-1", "tier": "C", "rule_refs": [{"rule_id": "tier-default", "version": 0}]}
        ),
    )
    same = CorrectTag(lead_id="lead-1", dimension="budget", value="500k-2m", reason="x")
    given(CORRECT_TAG, *assigned("li")).when(same, NOON, RULES, EVERYTHING).then()


def test_spellings_of_a_company_have_one_key() -> None:
    """4.1b"""
    spellings = ["华东精工股份有限公司", "华东精工（集团）", "华东 精工 有限责任公司"]
    assert {company_key(name) for name in spellings} == {"华东精工"}
    assert company_key("ＡＣＭＥ Tools Co., Ltd.") == company_key("acme tools")
    assert company_key("公司") == "公司"

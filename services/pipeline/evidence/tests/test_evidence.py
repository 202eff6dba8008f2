"""Files as evidence: what is accepted, what is refused and leaves a fact."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest

from libs.events.contracts.pipeline import EvidenceAttached, EvidenceRejected, EvidenceUsed, RequirementSatisfied
from libs.events.testing import given
from libs.rules.documents import RuleBook
from services.pipeline.definitions.default import DEFAULT_DEFINITION
from services.pipeline.definitions.domain import ContentChecks
from services.pipeline.evidence.content import DOCX, XLSX, check_text, sniff
from services.pipeline.evidence.domain import ATTACH, AttachEvidence
from services.pipeline.tests.samples import (
    DEAL,
    LI,
    OTHER_DEAL,
    SEALER,
    THE_THREE,
    TUESDAY,
    actor,
    advanced,
    consulted,
    path_to,
    published,
    satisfied,
)

SHA = hashlib.sha256(b"screenshot").hexdigest()
KEY = SEALER.keyed_hash(SHA)
IN_DIAGNOSIS = path_to("demand_diagnosis")
UPLOAD = AttachEvidence(
    opportunity_id=DEAL,
    evidence_id="evidence-1",
    requirement="budget_confirmation_screenshot",
    kind="budget_confirmation_screenshot",
    file_name="budget.png",
    mime="image/png",
    size=40_000,
    sha256=SHA,
    object_key=f"evidence/{DEAL}/evidence-1",
    created_on=date(2026, 3, 2),
)
ATTACHED = EvidenceAttached(
    opportunity_id=DEAL,
    evidence_id="evidence-1",
    requirement="budget_confirmation_screenshot",
    kind="budget_confirmation_screenshot",
    file_name="budget.png",
    mime="image/png",
    size=40_000,
    content_key=KEY,
    object_key=f"evidence/{DEAL}/evidence-1",
    uploaded_by=LI,
    created_on=date(2026, 3, 2),
    attached_at=TUESDAY,
)
USED_HERE = EvidenceUsed(rep_id=LI, content_key=KEY, opportunity_id=DEAL)
USED_ELSEWHERE = EvidenceUsed(rep_id=LI, content_key=KEY, opportunity_id=OTHER_DEAL)


def upload(*facts: Any, rules: RuleBook | None = None, **changes: Any) -> Any:
    """The outcome of an upload on Tuesday."""
    command = UPLOAD.model_copy(update=changes)
    known = consulted(rules=rules) if rules else consulted()
    return given(ATTACH, *IN_DIAGNOSIS, *facts).when(command, TUESDAY, *known, actor=actor())


def test_an_accepted_file_fulfils_its_requirement() -> None:
    """3.2.9-1: the upload"""
    done = satisfied("budget_confirmation_screenshot", evidence=["evidence-1"])
    upload().then(ATTACHED, USED_HERE, done)
    upload(requirement=None).then(ATTACHED, USED_HERE, done)


def test_the_same_upload_twice_is_one() -> None:
    upload(ATTACHED, USED_HERE).then()


def test_a_file_of_another_deal_of_the_rep_is_refused_and_leaves_a_fact() -> None:
    """3.2.9-2"""
    for requirement in THE_THREE:
        refused = upload(USED_ELSEWHERE, requirement=requirement, kind=requirement, mime="application/pdf")
        (fact,) = refused.then_rejected("EVIDENCE_REUSED").record
        assert isinstance(fact, EvidenceRejected)
        assert (fact.check, fact.requirement, fact.content_key) == ("EVIDENCE_REUSED", requirement, KEY)


def test_another_rep_may_use_the_same_file() -> None:
    other = EvidenceUsed(rep_id="rep-wang", content_key=KEY, opportunity_id=OTHER_DEAL)
    upload(other).fact(EvidenceAttached)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"mime": "application/octet-stream"}, "MIME_NOT_ALLOWED"),
        ({"mime": "text/plain"}, "MIME_NOT_ALLOWED"),
        ({"size": 1_024}, "TOO_SMALL"),
        ({"size": 20 * 1024 * 1024 + 1}, "TOO_LARGE"),
        ({"created_on": date(2026, 1, 31)}, "TOO_OLD"),
        ({"created_on": date(2026, 3, 4)}, "CREATED_IN_FUTURE"),
    ],
)
def test_a_file_that_proves_nothing_is_refused_and_leaves_a_fact(changes: dict[str, Any], check: str) -> None:
    """S-16, content checks of 3.2.1"""
    refused = upload(**changes).then_rejected("RULE_VIOLATION")
    (fact,) = refused.record
    assert isinstance(fact, EvidenceRejected)
    assert fact.check == check
    assert refused.details["rules"][0]["requirement"] == "budget_confirmation_screenshot"


def test_thirty_days_are_not_too_old() -> None:
    upload(created_on=date(2026, 2, 1)).fact(EvidenceAttached)


def test_a_check_that_warns_lets_the_file_pass_with_a_mark() -> None:
    """3.2.1: failing checks block or warn per rule"""
    gate = DEFAULT_DEFINITION["gates"][0]
    warns = [{**one, "on_fail": "warn"} for one in gate["requirements"]]
    rules = RuleBook([published(1, gates=[{**gate, "requirements": warns}])])
    entered = advanced("first_contact", "demand_diagnosis", definition_version=1)
    outcome = given(ATTACH, IN_DIAGNOSIS[0], entered, USED_ELSEWHERE).when(
        UPLOAD, TUESDAY, *consulted(rules=rules), actor=actor()
    )
    assert outcome.fact(EvidenceAttached).warnings == ["EVIDENCE_REUSED"]
    assert outcome.fact(RequirementSatisfied).warnings == ["EVIDENCE_REUSED"]


def test_the_file_is_of_the_kind_that_the_requirement_asks_for() -> None:
    upload(kind="meeting_minutes").then_rejected("VALIDATION")
    refused = upload(requirement="budget_screenshot").then_rejected("VALIDATION")
    assert refused.details["nearest"]["id"] == "budget_confirmation_screenshot"


def test_a_file_that_no_requirement_asks_for_is_kept_all_the_same() -> None:
    outcome = upload(requirement=None, kind="photo")
    assert [type(fact) for fact in outcome.facts] == [EvidenceAttached, EvidenceUsed]


PADDING = b"0" * 2_000


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (b"\x89PNG\r\n\x1a\n" + PADDING, "image/png"),
        (b"\xff\xd8\xff\xe0" + PADDING, "image/jpeg"),
        (b"%PDF-1.7\n" + PADDING, "application/pdf"),
        (b"PK\x03\x04[Content_Types].xml word/document.xml", DOCX),
        (b"PK\x03\x04[Content_Types].xml xl/workbook.xml", XLSX),
        (b"PK\x03\x04 payload.exe", "application/octet-stream"),
        ("会议纪要\n".encode(), "text/plain"),
        (b"MZ\x90\x00" + PADDING, "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_bytes_say(content: bytes, mime: str) -> None:
    assert sniff(content) == mime


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("暂无", "TEXT_PLACEHOLDER"),
        (" n/a ", "TEXT_PLACEHOLDER"),
        ("。。。。。。。。。。。。。。。。。。。", "TEXT_PLACEHOLDER"),
        ("客户说预算没问题", "TEXT_TOO_SHORT"),
        ("客户采购总监确认预算三十万元，四月底前签约。", "TEXT_REPEATED"),
        ("客户要求增加售后条款，法务下周给出意见。", None),
    ],
)
def test_a_text_says_something_new(text: str, check: str | None) -> None:
    """3.2.1"""
    recent = ["客户采购总监确认预算三十万元，四月底之前签约"]
    assert [one.check for one in check_text(text, 15, recent, ContentChecks())] == ([check] if check else [])

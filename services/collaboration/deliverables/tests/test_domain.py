"""Deliverable templates: which one holds, what is missing, what is wrong with a draft."""

import pytest

from libs.rules.documents import PublishedRule, RuleBook
from services.collaboration.deliverables.domain import (
    KIND,
    SHIPPED,
    DeliverableTemplate,
    Item,
    lint,
    missing,
    template_at,
    template_of,
)


def template(*items: Item) -> DeliverableTemplate:
    return DeliverableTemplate(scene="demo", name="Demo", items=items)


def test_every_shipped_template_is_free_of_findings_and_escalates_after_two_business_hours() -> None:
    """3.3.1, S-41, S-43"""
    for shipped in SHIPPED.values():
        assert lint(shipped.document) == []
        limit = shipped.document.stall
        assert (limit.limit_h, limit.clock, limit.strict) == (2, "business", True)
    marketing = [item.code for item in SHIPPED["marketing_lead_handoff"].document.items]
    assert marketing == ["customer_profile", "touch_records", "initial_intent_grade"]


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("text", "x", " "),
        ("link", "https://example.com/a", "a"),
        ("number", "12.5", "NaN"),
        ("date", "2026-03-02", "2026-02-30"),
    ],
)
def test_a_value_that_fails_its_check_is_missing(check: str, good: str, bad: str) -> None:
    """3.3.3-1"""
    document = template(Item.model_validate({"code": "one", "name": "One", "check": check}))
    assert missing(document, {"one": good}) == []
    assert missing(document, {"one": bad}) == missing(document, {}) == ["one"]


def test_an_item_twice_is_an_error_and_no_required_item_a_warning() -> None:
    optional = Item(code="one", name="One", required=False)
    assert [finding.severity for finding in lint(template(optional, optional))] == ["error", "warning"]


def test_the_template_published_last_holds_and_a_draft_keeps_its_version() -> None:
    own = template(Item(code="one", name="One")).model_dump(mode="json")
    rules = RuleBook([PublishedRule("ours", version, KIND, document=own) for version in (1, 2)])
    holds = template_of("demo", rules)
    assert holds is not None
    assert (holds.rule_id, holds.version) == ("ours", 2)
    assert template_at("ours", 1, rules) is not None
    assert template_at("ours", 3, rules) is None
    assert template_of("unheard_of", rules) is None

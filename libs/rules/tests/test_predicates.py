"""Conditions as typed trees: what holds, why not, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.rules.predicates import PREDICATE, explain, fields, holds
from libs.rules.tests.examples import CHINA, at

NOW = at("03-09 17:00")
LEAD: dict[str, object] = {
    "tier": "A",
    "code": "007",
    "open": True,
    "amount": Decimal("1200.00"),
    "discount": "0.10",
    "tags": ["retail", "north"],
    "nobody": None,
    "empty": [],
    "due_on": date(2026, 3, 10),
    "touched_at": at("03-06 17:00"),
    "written_at": "2026-03-06T09:00:00Z",
    "owner": {"team": "north", "id": UUID(int=7)},
    "company": "Shenzhen Präzision GmbH",
}


def says(document: Any, context: dict[str, object] = LEAD, before: dict[str, object] | None = None) -> bool:
    predicate = PREDICATE.validate_python(document)
    held = holds(predicate, context, now=NOW, calendar=CHINA, before=before)
    assert (explain(predicate, context, now=NOW, calendar=CHINA, before=before) == []) == held
    return held


def leaf(op: str, field: str, *value: Any) -> dict[str, Any]:
    return {"op": op, "field": field, **({"value": value[0]} if value else {})}


@pytest.mark.parametrize(
    ("op", "field", "value", "held"),
    [
        ("eq", "tier", "A", True),
        ("eq", "tier", "a", False),
        ("ne", "tier", "B", True),
        ("ne", "tier", "A", False),
        ("eq", "amount", 1200, True),
        ("eq", "amount", "1200.0", True),
        ("gt", "amount", 999, True),
        ("gt", "amount", "999.99", True),
        ("lt", "amount", 1200, False),
        ("le", "amount", 1200.0, True),
        ("ge", "discount", 0.1, True),
        ("lt", "discount", "0.2", True),
        ("eq", "code", "007", True),
        ("eq", "code", "7", False),
        ("eq", "code", 7, False),
        ("eq", "open", True, True),
        ("eq", "open", 1, False),
        ("eq", "open", "true", False),
        ("gt", "tier", 5, False),
        ("ne", "tier", 5, True),
        ("eq", "tags", "north", True),
        ("ne", "tags", "north", False),
        ("ne", "tags", "south", True),
        ("eq", "owner.team", "north", True),
        ("eq", "owner.id", "00000000-0000-0000-0000-000000000007", True),
        ("eq", "owner.team.name", "north", False),
        ("lt", "due_on", "2026-03-11", True),
        ("le", "due_on", "2026-03-09T16:00:00Z", True),
        ("lt", "due_on", "2026-03-10T23:00:00+08:00", False),
        ("eq", "written_at", "2026-03-06T17:00:00+08:00", True),
        ("eq", "written_at", "2026-03-06 17:00", True),
        ("eq", "written_at", "2026-03-06", True),
        ("lt", "written_at", "9999-12-31", True),
        ("lt", "written_at", "9999-12-31T23:59:59-08:00", True),
        ("gt", "written_at", "0001-01-01T00:00:00+08:00", True),
        ("eq", "touched_at", "2026-03-06T17:00:00+08:00", True),
    ],
)
def test_a_field_compares_by_its_kind_however_it_is_written(op: str, field: str, value: Any, held: bool) -> None:
    assert says(leaf(op, field, value)) is held


@pytest.mark.parametrize("field", ["unknown", "nobody", "empty", "tier.of.what"])
def test_a_missing_field_satisfies_nothing_but_ne(field: str) -> None:
    for op in ("eq", "lt", "le", "gt", "ge"):
        assert not says(leaf(op, field, "A"))
    assert says(leaf("ne", field, "A"))
    assert not says(leaf("exists", field))
    assert says({"op": "not", "of": leaf("exists", field)})
    assert not says({"op": "in", "field": field, "values": ["A"]})
    assert not says({"op": "between", "field": field, "low": 1, "high": 2})
    assert not says({"op": "matches", "field": field, "text": "A"})
    assert not says({"op": "age_gt", "field": field, "seconds": 0, "clock": "wall"})


def test_a_key_with_dots_is_found_before_a_path() -> None:
    assert says(leaf("eq", "owner.team", "south"), {"owner.team": "south", "owner": {"team": "north"}})


def test_and_or_not_combine() -> None:
    yes, no = leaf("eq", "tier", "A"), leaf("eq", "tier", "B")
    assert says({"op": "and", "of": [yes, yes]})
    assert not says({"op": "and", "of": [yes, no]})
    assert says({"op": "or", "of": [no, yes]})
    assert not says({"op": "or", "of": [no, no]})
    assert says({"op": "not", "of": {"op": "and", "of": [yes, no]}})


def test_in_and_between_take_any_kind_with_both_ends_included() -> None:
    assert says({"op": "in", "field": "amount", "values": ["A", 1200]})
    assert says({"op": "in", "field": "tags", "values": ["south", "north"]})
    assert not says({"op": "in", "field": "tier", "values": ["B", "C"]})
    assert says({"op": "between", "field": "amount", "low": 1000, "high": "1200"})
    assert not says({"op": "between", "field": "amount", "low": 1201, "high": 2000})
    assert says({"op": "between", "field": "due_on", "low": "2026-03-10", "high": "2026-03-10"})


@pytest.mark.parametrize(
    ("kind", "text", "held"),
    [
        ("contains", "PRÄZISION", True),
        ("contains", "prazision", False),
        ("starts_with", "shen", True),
        ("starts_with", "zhen", False),
        ("like", "shen*gmbh", True),
        ("like", "*präz*", True),
        ("like", "*zhen*on*h", True),
        ("like", "shenzhen", False),
        ("like", "*gmbh*ag", False),
        ("like", "shenzhen präzision gmbh", True),
        ("like", "shen*shenzhen*", False),
    ],
)
def test_matches_looks_for_text_in_any_case(kind: str, text: str, held: bool) -> None:
    assert says({"op": "matches", "field": "company", "kind": kind, "text": text}) is held


def test_pieces_of_a_pattern_do_not_share_characters() -> None:
    def like(text: str, pattern: str) -> bool:
        return says({"op": "matches", "field": "name", "kind": "like", "text": pattern}, {"name": text})

    assert not like("aba", "ab*ba")
    assert like("abba", "ab*ba")
    assert not like("aab", "*ab*b")
    assert like("", "*")


def test_a_pattern_made_to_be_slow_is_not() -> None:
    started = perf_counter()
    assert not says(
        {"op": "matches", "field": "name", "kind": "like", "text": "*a" * 200 + "*b*"}, {"name": "a" * 100_000}
    )
    assert perf_counter() - started < 1


def test_an_age_is_measured_on_its_clock_and_is_strict() -> None:
    """3.4.8-1: exactly 24 h → nothing"""

    def older(seconds: int, clock: str, field: str = "touched_at") -> bool:
        return says({"op": "age_gt", "field": field, "seconds": seconds, "clock": clock})

    day = 24 * 3600
    assert not older(day, "workday")
    assert older(day - 1, "workday")
    assert older(day - 1, "workday", "written_at")
    assert older(day, "wall")
    assert older(7 * 3600, "business")
    assert not older(7 * 3600 + 1800, "business")
    assert not older(0, "wall", "due_on")
    assert not says({"op": "age_gt", "field": "at", "seconds": 0, "clock": "workday"}, {"at": "1900-01-00"})
    assert not says({"op": "age_gt", "field": "at", "seconds": 0, "clock": "workday"}, {"at": "1900-01-01"})


def test_a_field_changed_when_it_differs_from_before() -> None:
    changed = leaf("changed", "amount")
    assert says(changed, {"amount": 2}, before={"amount": 1})
    assert says(changed, {"amount": 2}, before={})
    assert says(changed, {}, before={"amount": 2})
    assert not says(changed, {"amount": "2.00"}, before={"amount": 2})
    assert not says(changed, {"amount": 2})
    assert says(leaf("changed", "tags"), {"tags": ["a"]}, before={"tags": ["b"]})


def test_the_explanation_names_the_leaves_that_say_no() -> None:
    predicate = PREDICATE.validate_python(
        {
            "op": "and",
            "of": [
                leaf("ge", "amount", 5000),
                leaf("eq", "tier", "A"),
                {"op": "or", "of": [leaf("exists", "budget"), {"op": "in", "field": "tier", "values": ["B", "C"]}]},
                {"op": "not", "of": leaf("eq", "owner.team", "north")},
                {"op": "age_gt", "field": "touched_at", "seconds": 86400, "clock": "workday"},
            ],
        }
    )
    assert explain(predicate, LEAD, now=NOW, calendar=CHINA) == [
        "amount ≥ 5000 (is 1200.00)",
        "budget exists (is missing)",
        "tier in [B, C] (is A)",
        "not owner.team = north (is north)",
        "touched_at older than 1 day, 0:00:00 (workday clock) (is 2026-03-06T09:00:00+00:00)",
    ]
    assert fields(predicate) == {"amount", "tier", "budget", "owner.team", "touched_at"}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"op": "eval", "field": "tier", "value": "A"}, "does not match any of the expected tags"),
        ({"op": "eq", "field": "tier"}, "Field required"),
        ({"op": "eq", "field": "tier", "value": None}, "valid"),
        ({"op": "eq", "field": "tier", "value": float("nan")}, "finite"),
        ({"op": "eq", "field": "tier", "value": 10**40}, "40 digits"),
        ({"op": "eq", "field": "__import__('os')", "value": 1}, "match pattern"),
        ({"op": "eq", "field": "tier", "value": "A\x00"}, "match pattern"),
        ({"op": "eq", "field": "tier", "value": "A", "then": "B"}, "Extra inputs"),
        ({"op": "matches", "field": "tier", "kind": "regex", "text": "(a+)+$"}, "'contains', 'starts_with' or 'like'"),
        ({"op": "between", "field": "amount", "low": 2, "high": 1}, "low is not above high"),
        ({"op": "between", "field": "amount", "low": 2, "high": "many"}, "of one kind"),
        ({"op": "age_gt", "field": "at", "seconds": -1, "clock": "wall"}, "greater than or equal to 0"),
        ({"op": "age_gt", "field": "at", "seconds": 1, "clock": "moon"}, "'wall', 'workday' or 'business'"),
        ({"op": "and", "of": []}, "at least 1 item"),
        ("tier == 'A'", "valid"),
        (None, "valid"),
    ],
)
def test_what_is_not_a_condition_is_refused_with_the_reason(document: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        PREDICATE.validate_python(document)


def nested(levels: int) -> dict[str, Any]:
    document = leaf("exists", "tier")
    for _ in range(levels - 1):
        document = {"op": "not", "of": document}
    return document


def test_a_condition_has_at_most_twelve_levels_and_two_hundred_parts() -> None:
    assert says(nested(11))
    PREDICATE.validate_python(nested(12))
    for levels in (13, 5000):
        with pytest.raises(ValidationError, match="at most 12 levels"):
            PREDICATE.validate_python(nested(levels))
    assert says({"op": "and", "of": [leaf("exists", "tier")] * 199})
    with pytest.raises(ValidationError, match="at most 200 parts"):
        PREDICATE.validate_python({"op": "and", "of": [leaf("exists", "tier")] * 200})


def test_a_condition_has_a_json_schema() -> None:
    assert "discriminator" in str(PREDICATE.json_schema())


LEAVES = st.one_of(
    st.builds(
        leaf,
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
        st.sampled_from([*LEAD, "unknown"]),
        st.one_of(
            st.booleans(),
            st.integers(-2000, 2000),
            st.decimals(-2000, 2000, places=2),
            st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12),
            st.sampled_from(["A", "north", "2026-03-06", "2026-03-06T17:00:00+08:00"]),
        ),
    ),
    st.builds(lambda field: leaf("exists", field), st.sampled_from([*LEAD, "unknown"])),
)
TREES = st.recursive(
    LEAVES,
    lambda trees: st.one_of(
        st.builds(
            lambda op, of: {"op": op, "of": of}, st.sampled_from(["and", "or"]), st.lists(trees, min_size=1, max_size=3)
        ),
        st.builds(lambda of: {"op": "not", "of": of}, trees),
    ),
    max_leaves=8,
)


@given(TREES)
def test_an_explanation_is_empty_exactly_when_the_condition_holds_and_json_changes_nothing(document: Any) -> None:
    predicate = PREDICATE.validate_python(document)
    held = holds(predicate, LEAD, now=NOW, calendar=CHINA)
    assert (explain(predicate, LEAD, now=NOW, calendar=CHINA) == []) == held
    again = PREDICATE.validate_json(PREDICATE.dump_json(predicate))
    assert holds(again, LEAD, now=NOW, calendar=CHINA) == held


def test_times_of_now_may_have_any_offset() -> None:
    predicate = PREDICATE.validate_python({"op": "age_gt", "field": "at", "seconds": 3599, "clock": "wall"})
    context = {"at": datetime(2026, 3, 9, 8, tzinfo=UTC)}
    assert holds(predicate, context, now=NOW.astimezone(CHINA.zone), calendar=CHINA)

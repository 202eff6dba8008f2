"""Which changes of a type are refused, in which words, and which are fine."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from libs.events.contracts.documents.compatibility import broken_promises
from libs.events.contracts.documents.schemas import Schema, schema_of
from libs.events.facts import REGISTRY, Fact, Money, Sealed, Value

NEEDED: Any = ...


class Line(Value):
    """A part of an order."""

    code: str
    count: int = 1


class LongerLine(Value):
    """The same part with more to say."""

    code: str
    count: int = 1
    comment: str | None = None


class OtherLine(Value):
    """The same part with something else."""

    code: str
    count: int = 1
    comment: str


FIELDS: dict[str, Any] = {
    "order_id": (str, NEEDED),
    "state": (Literal["open", "closed"], NEEDED),
    "amount": (Money, NEEDED),
    "comment": (Annotated[str, Field(max_length=50)] | None, None),
    "lines": (list[Line], []),
    "at": (datetime, NEEDED),
}


def order(changes: dict[str, Any] | None = None, **declared: Any) -> Schema:
    """The schema of `order-placed.v1`; a change to None takes the field away."""
    fields = {name: kind for name, kind in (FIELDS | (changes or {})).items() if kind is not None}
    keywords = {"type": "order-placed.v1", "stream": "order-{order_id}", "owner": "pipeline", **declared}
    try:
        made = create_model("OrderPlaced", __base__=Fact, __doc__="Ordered.", __cls_kwargs__=keywords, **fields)
        return schema_of(made)
    finally:
        REGISTRY.types.pop("order-placed.v1", None)


REFUSED = [
    ({"comment": None}, "field `comment` was removed"),
    ({"channel": (str, NEEDED)}, "field `channel` is new and required, but stored facts lack it"),
    ({"comment": (str, NEEDED)}, "field `comment` was optional and is required now, but stored facts lack it"),
    ({"at": (datetime | None, None)}, "field `at` was required and is optional now, but readers of today rely on it"),
    ({"state": (Literal["open"], NEEDED)}, 'field `state` no longer takes "closed"'),
    ({"state": (Literal["open", "closed", "lost"], NEEDED)}, 'field `state` also takes "lost", which readers of today'),
    ({"state": (str, NEEDED)}, 'field `state` took "closed", "open" and takes any value'),
    ({"order_id": (int, NEEDED)}, 'the type of field `order_id` was "string" and is "integer"'),
    ({"order_id": (int | str, NEEDED)}, "field `order_id` was string and is integer or string"),
    ({"amount": (Decimal, NEEDED)}, "field `amount.currency` was removed"),
    ({"at": (str, NEEDED)}, 'the format of field `at` was "date-time" and is not given'),
    (
        {"comment": (Annotated[str, Field(max_length=9)] | None, None)},
        "the maxLength of field `comment` was 50 and is 9",
    ),
    ({"comment": (Sealed | None, None)}, 'the type of field `comment` was "string" and is "object"'),
    ({"lines": (list[str], [])}, "field `lines[].code` was removed"),
    ({"lines": (list[OtherLine], [])}, "field `lines[].comment` is new and required, but stored facts lack it"),
    ({"lines": (list[Line], NEEDED)}, "field `lines` was optional and is required now, but stored facts lack it"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_change_that_old_facts_or_old_readers_would_not_survive_is_refused(
    change: dict[str, Any], words: str
) -> None:
    found = broken_promises({"order-placed.v1": order()}, {"order-placed.v1": order(change)})
    assert any(line.startswith(f"order-placed.v1: {words}") for line in found), found
    assert all("Declare order-placed.v2 with an upcaster from order-placed.v1" in line for line in found)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"stream": "orders-{order_id}"}, 'its stream template was "order-{order_id}" and is "orders-{order_id}"'),
        ({"owner": "kpi"}, 'its owner was "pipeline" and is "kpi"'),
        ({"partners": True}, "its mark for partners was false and is true"),
    ],
)
def test_what_a_type_declares_never_changes(declared: dict[str, Any], words: str) -> None:
    found = broken_promises({"order-placed.v1": order()}, {"order-placed.v1": order(**declared)})
    assert [line.partition(". ")[0] for line in found] == [f"order-placed.v1: {words}"]


def test_a_type_does_not_go_away() -> None:
    found = broken_promises({"order-placed.v1": order()}, {})
    assert found == ["order-placed.v1 is gone. Its facts are in the log for ever: keep the class and its upcaster."]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"channel": (str | None, None)},
        {"tags": (dict[str, str], {})},
        {"kind": (Literal["new", "again"], "new")},
        {"lines": (list[LongerLine], [])},
        {"contact": (Sealed | None, None)},
    ],
    ids=str,
)
def test_a_new_optional_field_is_fine_anywhere(change: dict[str, Any]) -> None:
    assert broken_promises({"order-placed.v1": order()}, {"order-placed.v1": order(change)}) == []


def test_a_new_type_is_fine() -> None:
    assert broken_promises({}, {"order-placed.v1": order()}) == []

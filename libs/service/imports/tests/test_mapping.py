"""Mapping documents: what they may say, and how a row reads through one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from libs.service.imports.cells import Cells, Form
from libs.service.imports.mapping import MappingUnfit, check_fields, parse_mapping
from libs.service.imports.rows import Row
from libs.service.imports.values import Refused

SHIPPED = sorted((Path(__file__).parents[4] / "mappings").glob("*.json"))
DEALS: dict[str, Any] = {
    "entity": "opportunities",
    "columns": {
        "Id": "id",
        "Phase": "stage",
        "Value": "amount",
        "Begun": "opened_at",
        "Region": ["name", "tags.region"],
    },
    "values": {"name": {"N": "north", "?": None}},
    "defaults": {"name": "nameless", "currency": "CHF"},
}


def document(**more: Any) -> dict[str, Any]:
    """A mapping that fits."""
    return {"source": "old", "zone": "Europe/Zurich", "files": {"deals.csv": DEALS}} | more


def cells(**values: str) -> Cells:
    """A row with these columns."""
    empty = dict.fromkeys(("Id", "Phase", "Value", "Begun", "Region"), "")
    return Cells(
        Form("demotenant", parse_mapping(json.dumps(document(empty=["-"]))), "deals.csv"), Row(1, 2, empty | values)
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_mappings_fit(path: Path) -> None:
    assert parse_mapping(path.read_bytes()).files


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"zone": "Mars/Base"}, "/zone"),
        ({"date_formats": ["%d/%m"]}, "/date_formats/0"),
        ({"date_formats": ["%Y-%m-%Q"]}, "/date_formats/0"),
        ({"decimal": ","}, ""),
        ({"currency": "dollars"}, "/currency"),
        ({"colour": "red"}, "/colour"),
        ({"encoding": "latin-1"}, "/encoding"),
        ({"files": {}}, "/files"),
        ({"files": {"deals.csv": DEALS | {"entity": "dreams"}}}, "/files/deals.csv/entity"),
        ({"files": {"deals.csv": DEALS | {"columns": {"A": "id", "B": "id"}}}}, "/files/deals.csv"),
        ({"files": {"deals.csv": DEALS | {"stages": {"won": {"stage": "x", "outcome": "perhaps"}}}}},
         "/files/deals.csv/stages/won/outcome"),
    ],
)  # fmt: skip
def test_what_a_mapping_cannot_say_is_named(more: dict[str, Any], pointer: str) -> None:
    with pytest.raises(MappingUnfit) as unfit:
        parse_mapping(json.dumps(document(**more)))
    assert pointer in [error["pointer"] for error in unfit.value.errors]


def test_text_that_is_no_json_is_unfit() -> None:
    with pytest.raises(MappingUnfit):
        parse_mapping(b"\xff\x00{")


def test_a_field_that_there_is_not_is_named_with_the_nearest() -> None:
    file = parse_mapping(json.dumps(document())).files["deals.csv"]
    errors = check_fields("deals.csv", file, ("id", "stages", "amount", "opened_at", "name", "tags.*"), ("owner",))
    messages = [error["message"] for error in errors]
    assert "opportunities have no field stage; did you mean stages?" in messages
    assert "opportunities need the field owner: map a column to it" in messages
    assert not [message for message in messages if "tags.region" in message]


def test_values_are_trimmed_mapped_and_defaulted() -> None:
    assert cells(Region=" N ").text("name") == "north"
    assert cells(Region="?").text("name") == "nameless"
    assert cells(Region="-").text("tags.region") is None
    assert cells(Region=" West ").those_of("tags") == {"region": "West"}
    assert cells(Region="").those_of("tags") == {}


def test_a_field_is_read_as_what_it_is() -> None:
    row = cells(Id="D 1", Value="1,200.50", Begun="2024-02-03")
    money = row.money("amount")
    assert money is not None
    assert (money.amount, money.currency) == (Decimal("1200.50"), "CHF")
    assert row.instant("opened_at") == datetime(2024, 2, 2, 23, 0, tzinfo=UTC)
    with pytest.raises(Refused, match="cannot be an id"):
        row.identity("opportunity", "id")


@pytest.mark.parametrize(("field", "column"), [("stage", "Phase"), ("name", "Region")])
def test_a_refusal_names_the_field(field: str, column: str) -> None:
    with pytest.raises(Refused) as refused:
        cells(**{column: "x" * 300}).line(field)
    assert (refused.value.field, cells().form.column(field)) == (field, column)

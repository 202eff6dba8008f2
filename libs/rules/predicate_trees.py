"""The shape of a condition: a typed tree, as rule documents contain it, with limits on depth and size."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from libs.rules.scalars import compare
from libs.rules.working_years import ClockName

MOST_LEVELS = 12
MOST_NODES = 200
TEN_YEARS = 10 * 366 * 24 * 3600

FieldName = Annotated[str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*$", max_length=200)]
Text = Annotated[str, StringConstraints(strict=True, max_length=500, pattern=r"^[^\x00]*$")]
Number = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=40, decimal_places=20),
    AfterValidator(lambda number: Decimal(f"{number:f}")),
]
Whole = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
Value = StrictBool | Whole | Number | Text
Children = Annotated[tuple["Node", ...], Field(min_length=1, max_length=MOST_NODES)]


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class And(_Node):
    """All of them hold."""

    op: Literal["and"] = "and"
    of: Children


class Or(_Node):
    """At least one of them holds."""

    op: Literal["or"] = "or"
    of: Children


class Not(_Node):
    """It does not hold."""

    op: Literal["not"] = "not"
    of: Node


class Compare(_Node):
    """A field against a value. `ne` is the opposite of `eq`, so it holds for a missing field; no other does."""

    op: Literal["eq", "ne", "lt", "le", "gt", "ge"]
    field: FieldName
    value: Value


class In(_Node):
    """A field equals one of some values."""

    op: Literal["in"] = "in"
    field: FieldName
    values: Annotated[tuple[Value, ...], Field(min_length=1, max_length=1000)]


class Between(_Node):
    """A field lies between two values, both included."""

    op: Literal["between"] = "between"
    field: FieldName
    low: Value
    high: Value

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if compare(self.low, self.high, ZoneInfo("UTC")) not in (-1, 0):
            raise ValueError("low and high are of one kind, and low is not above high")
        return self


class Exists(_Node):
    """A field is there: not absent, not null, not an empty list."""

    op: Literal["exists"] = "exists"
    field: FieldName


class Matches(_Node):
    """A text field, upper and lower case alike: contains a text, starts with it, or is `like` it.

    In `like`, `*` stands for any characters. There are no regular expressions: time is linear in the text.
    """

    op: Literal["matches"] = "matches"
    field: FieldName
    kind: Literal["contains", "starts_with", "like"] = "contains"
    text: Annotated[Text, Field(min_length=1)]


class AgeGt(_Node):
    """A time field lies more than `seconds` of a clock in the past (strict). A date counts from its first moment."""

    op: Literal["age_gt"] = "age_gt"
    field: FieldName
    seconds: Annotated[StrictInt, Field(ge=0, le=TEN_YEARS)]
    clock: ClockName


class Changed(_Node):
    """A field differs from what it was `before`; never when there is no before."""

    op: Literal["changed"] = "changed"
    field: FieldName


Leaf = Compare | In | Between | Exists | Matches | AgeGt | Changed
Node = Annotated[And | Or | Not | Leaf, Field(discriminator="op")]


def _within_limits(document: object) -> object:
    """Count before anything is built; raises ValueError for a tree that is too deep or too large."""
    nodes, level = 0, [document]
    for _ in range(MOST_LEVELS):
        nodes += len(level)
        if nodes > MOST_NODES:
            raise ValueError(f"a condition has at most {MOST_NODES} parts")
        level = [child for node in level for child in _children(node)]
        if not level:
            return document
    raise ValueError(f"a condition is nested at most {MOST_LEVELS} levels deep")


def _children(node: object) -> Collection[object]:
    of = node.get("of") if isinstance(node, Mapping) else getattr(node, "of", None)
    if isinstance(of, list | tuple):
        return of
    return () if of is None else (of,)


Predicate = Annotated[Node, BeforeValidator(_within_limits)]

for _model in (And, Or, Not):
    _model.model_rebuild()

PREDICATE: TypeAdapter[Predicate] = TypeAdapter(Predicate)


def fields(predicate: Predicate) -> set[str]:
    """The fields a condition reads."""
    return {leaf.field for leaf in _leaves(predicate)}


def _leaves(node: Node) -> Iterator[Leaf]:
    match node:
        case And() | Or():
            for child in node.of:
                yield from _leaves(child)
        case Not():
            yield from _leaves(node.of)
        case _:
            yield node

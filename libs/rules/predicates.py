"""Conditions of rules, evaluated: does it hold for this subject, and if not, why (domain 3.0, rules as a service)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from libs.rules.calendars import Calendar
from libs.rules.predicate_trees import (
    PREDICATE,
    AgeGt,
    And,
    Between,
    Changed,
    Compare,
    Exists,
    In,
    Leaf,
    Matches,
    Node,
    Not,
    Or,
    Predicate,
    fields,
)
from libs.rules.scalars import compare, instant_of, scalar

__all__ = [
    "PREDICATE",
    "AgeGt",
    "And",
    "Between",
    "Changed",
    "Compare",
    "Exists",
    "In",
    "Matches",
    "Not",
    "Or",
    "Predicate",
    "explain",
    "fields",
    "holds",
]

SIGNS = {"eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥"}


def holds(
    predicate: Predicate,
    context: Mapping[str, object],
    *,
    now: datetime,
    calendar: Calendar,
    before: Mapping[str, object] | None = None,
) -> bool:
    """Whether a condition holds for a subject.

    A field is a key of `context` or a dotted path through nested mappings; one that holds several values satisfies a
    leaf when one of them does (`ne` when none is equal). A missing field satisfies nothing but `ne`. Numbers and ISO
    times compare as such even when written as texts; values of different kinds are unequal and have no order.
    """
    match predicate:
        case And():
            return all(holds(each, context, now=now, calendar=calendar, before=before) for each in predicate.of)
        case Or():
            return any(holds(each, context, now=now, calendar=calendar, before=before) for each in predicate.of)
        case Not():
            return not holds(predicate.of, context, now=now, calendar=calendar, before=before)
        case Changed():
            return before is not None and _differs(
                _look_up(context, predicate.field), _look_up(before, predicate.field)
            )
        case Compare(op="ne"):
            return not any(compare(each, predicate.value, calendar.zone) == 0 for each in _values(predicate, context))
        case _:
            return any(_leaf_holds(predicate, each, now, calendar) for each in _values(predicate, context))


def explain(
    predicate: Predicate,
    context: Mapping[str, object],
    *,
    now: datetime,
    calendar: Calendar,
    before: Mapping[str, object] | None = None,
) -> list[str]:
    """The leaves that say no, each with the value it met, such as `amount >= 1000 (is 900)`; empty when all holds.

    Under `not`, the leaves that say no are those that hold, written `not ...`. The values are the subject's own data:
    show them only to who may read the subject.
    """

    def noes(node: Node, wanted: bool) -> list[str]:
        match node:
            case Not():
                return noes(node.of, not wanted)
            case And() | Or():
                each = [noes(child, wanted) for child in node.of]
                if isinstance(node, Or) == wanted and not all(each):
                    return []
                return [line for lines in each for line in lines]
            case _:
                if holds(node, context, now=now, calendar=calendar, before=before) == wanted:
                    return []
                return [f"{'' if wanted else 'not '}{_written(node)} ({_met(_look_up(context, node.field))})"]

    return list(dict.fromkeys(noes(predicate, True)))


def _leaf_holds(
    leaf: Compare | In | Between | Exists | Matches | AgeGt, value: object, now: datetime, calendar: Calendar
) -> bool:
    zone = calendar.zone
    match leaf:
        case Compare():
            return _ordered(leaf.op, compare(value, leaf.value, zone))
        case In():
            return any(compare(value, one, zone) == 0 for one in leaf.values)
        case Between():
            return compare(value, leaf.low, zone) in (0, 1) and compare(value, leaf.high, zone) in (-1, 0)
        case Exists():
            return True
        case Matches():
            return isinstance(value, str) and _matches(leaf, value)
        case AgeGt():
            since = instant_of(value, zone)
            return since is not None and _older(since, now, leaf, calendar)


def _ordered(op: Literal["eq", "ne", "lt", "le", "gt", "ge"], order: int | None) -> bool:
    match op:
        case "eq":
            return order == 0
        case "ne":
            return order != 0
        case "lt":
            return order == -1
        case "le":
            return order in (-1, 0)
        case "gt":
            return order == 1
        case "ge":
            return order in (0, 1)


def _older(since: datetime, now: datetime, leaf: AgeGt, calendar: Calendar) -> bool:
    try:
        return calendar.elapsed(since, now, leaf.clock) > timedelta(seconds=leaf.seconds)
    except (ValueError, OverflowError):  # a year no calendar covers is a slip of the pen, not an age
        return False


def _matches(leaf: Matches, value: str) -> bool:
    text, wanted = value.casefold(), leaf.text.casefold()
    match leaf.kind:
        case "contains":
            return wanted in text
        case "starts_with":
            return text.startswith(wanted)
        case "like":
            return _like(text, wanted)


def _like(text: str, pattern: str) -> bool:
    """Whether `text` is `pattern` with anything for each `*`: the leftmost place for every piece is the best one."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == first
    last = middle.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def _look_up(context: Mapping[str, object], name: str) -> object:
    if name in context:
        return context[name]
    value: object = context
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _values(leaf: Leaf, context: Mapping[str, object]) -> list[object]:
    value = _look_up(context, leaf.field)
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    return [each for each in values if each is not None]


def _differs(value: object, earlier: object) -> bool:
    read, read_before = scalar(value), scalar(earlier)
    return value != earlier if read is None or read_before is None else read != read_before


def _written(leaf: Leaf) -> str:
    match leaf:
        case Compare():
            return f"{leaf.field} {SIGNS[leaf.op]} {leaf.value}"
        case In():
            shown = ", ".join(str(value) for value in leaf.values[:10])
            return f"{leaf.field} in [{shown}{', ...' if len(leaf.values) > 10 else ''}]"
        case Between():
            return f"{leaf.field} between {leaf.low} and {leaf.high}"
        case Exists():
            return f"{leaf.field} exists"
        case Matches():
            return f"{leaf.field} {leaf.kind} {leaf.text!r}"
        case AgeGt():
            return f"{leaf.field} older than {timedelta(seconds=leaf.seconds)} ({leaf.clock} clock)"
        case Changed():
            return f"{leaf.field} changed"


def _met(value: object) -> str:
    if value is None:
        return "is missing"
    shown = value.astimezone(UTC).isoformat() if isinstance(value, datetime) and value.tzinfo else str(value)
    return f"is {shown if len(shown) <= 80 else shown[:77] + '...'}"

"""What two values of a condition have in common: numbers, times and texts, however they are written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from enum import Enum
from uuid import UUID
from zoneinfo import ZoneInfo

from libs.rules.calendar_documents import MIDNIGHT

Scalar = bool | Decimal | date | datetime | str

# as JSON writes numbers: a code such as 007 stays a text
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?")
STARTS_WITH_A_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].{1,30})?")


def scalar(value: object) -> Scalar | None:
    """A value as it is compared; a text that reads as a number or an ISO date or time is one. None: not comparable."""
    if isinstance(value, Enum):
        value = value.value
    match value:
        case bool() | date():  # a datetime is a date
            return value
        case int():
            return Decimal(value)
        case float() | Decimal():
            number = Decimal(str(value))
            return number if number.is_finite() else None
        case str():
            return _read(value)
        case UUID():
            return str(value)
        case _:
            return None


def compare(left: object, right: object, zone: ZoneInfo) -> int | None:
    """-1, 0 or 1 as `left` is less than, equal to or greater than `right`; None when they have no common order.

    A time without an offset is local in `zone`; a time and a date compare as dates of `zone`. Texts compare exactly,
    booleans only with booleans.
    """
    a, b = scalar(left), scalar(right)
    match a, b:
        case (bool(), bool()) | (Decimal(), Decimal()) | (str(), str()):
            return (a > b) - (a < b)  # type: ignore[operator]  # both are of one kind
        case datetime(), datetime():
            a, b = _aware(a, zone), _aware(b, zone)
            return (a > b) - (a < b)
        case date(), date():
            a, b = _day(a, zone), _day(b, zone)
            return (a > b) - (a < b)
        case _:
            return None


def instant_of(value: object, zone: ZoneInfo) -> datetime | None:
    """A value as an instant, a date as its first moment in `zone`; None when it is no time."""
    match scalar(value):
        case datetime() as at:
            return _aware(at, zone)
        case date() as day:
            return _aware(datetime.combine(day, MIDNIGHT), zone)
        case _:
            return None


def _read(text: str) -> Scalar:
    if len(text) <= 64:
        if NUMBER.fullmatch(text):
            return Decimal(text)
        if found := STARTS_WITH_A_DATE.fullmatch(text):
            try:
                return datetime.fromisoformat(text) if found[1] else date.fromisoformat(text)
            except ValueError:
                return text
    return text


def _aware(at: datetime, zone: ZoneInfo) -> datetime:
    return _moved(at if at.tzinfo else at.replace(tzinfo=zone), UTC)


def _day(at: date, zone: ZoneInfo) -> date:
    return _moved(_aware(at, zone), zone).date() if isinstance(at, datetime) else at


def _moved(at: datetime, zone: tzinfo) -> datetime:
    try:
        return at.astimezone(zone)
    except OverflowError:  # 9999-12-31, written for "never", has no later day
        return at.replace(tzinfo=zone)

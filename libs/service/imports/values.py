"""Values as other systems write them: dates, amounts, known words. Nothing is corrected silently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from rapidfuzz import fuzz, process

from libs.events.facts import Money

IDENTITIES = UUID("5b0a3f6c-0f52-5f5e-8c1d-2a3d7c0c9b11")
MIN_SCORE = 60
"""Below this likeness (0 to 100) nothing is suggested."""
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP"}
"""Signs that mean one currency unless the mapping says otherwise; ¥ is two, so the mapping has to say which."""

_ISO = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(
    r"(?P<before>[^0-9]*?)\s*(?P<number>[0-9](?:[0-9.,'\u2019\u00a0\u202f ]*[0-9])?)\s*(?P<after>[^0-9]*)"
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 .,'&/()_-]+")


class Refused(Exception):
    """A row cannot be taken because of what stands in one of its fields; `nearest` is a known value like it."""

    def __init__(self, field: str, value: str, reason: str, nearest: str = "") -> None:
        super().__init__(reason)
        self.field = field
        self.value = value
        self.reason = reason
        self.nearest = nearest


@dataclass(frozen=True)
class Dates:
    """Reads instants and days; a text that two formats read differently is refused, and so is one that none reads."""

    formats: tuple[str, ...]
    zone: ZoneInfo

    def instant(self, text: str) -> datetime:
        """The instant in UTC; a day without a time is its midnight in the zone. Raises ValueError saying why not."""
        found = {instant for one in self.formats if (instant := self._read(text, one)) is not None}
        if not found:
            raise ValueError(f"is no date of the form {' or '.join(self.formats)}")
        if len(found) > 1:
            days = " or ".join(sorted(instant.astimezone(self.zone).isoformat() for instant in found))
            raise ValueError(f"may be {days}; the mapping's date_formats must leave one of them")
        return found.pop()

    def day(self, text: str) -> date:
        """The day in the zone. Raises ValueError saying why not."""
        return self.instant(text).astimezone(self.zone).date()

    def _read(self, text: str, form: str) -> datetime | None:
        try:
            parsed = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is put on below
            if parsed.tzinfo is not None:
                return parsed.astimezone(UTC)
            instant = parsed.replace(tzinfo=self.zone).astimezone(UTC)
            back = instant.astimezone(self.zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            return None
        if back != parsed and parsed.time() != time():  # a day may begin at 01:00, but 02:30 may not exist
            return None
        return instant


@dataclass(frozen=True)
class Amounts:
    """Reads amounts such as `"$22,700.00"`, `1.234,56 €` and `(1,200)` with the given marks; at most four decimals."""

    decimal: str = "."
    thousands: str = ","
    currency: str | None = None
    signs: Mapping[str, str] = field(default_factory=lambda: SIGNS)

    def money(self, text: str, currency: str | None = None) -> Money:
        """The amount; `currency` is that of the row, if it says one. Raises ValueError saying why not."""
        match = _AMOUNT.fullmatch(text.strip())
        if match is None:
            raise ValueError("is no amount")
        signs = match["before"].strip() + " " + match["after"].strip()
        negative = signs.startswith("(") and signs.endswith(")")
        if negative:
            signs = signs.strip("()")
        if "-" in signs or "\u2212" in signs:
            negative, signs = not negative, signs.replace("-", "", 1).replace("\u2212", "", 1)
        amount = self._number(match["number"])
        return Money(amount=-amount if negative else amount, currency=self._currency(signs.split(), currency))

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        point, group = re.escape(self.decimal), re.escape(self.thousands)
        grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if self.thousands else ""
        return re.compile(rf"(?:{grouped}[0-9]{{1,14}})(?:{point}[0-9]{{1,4}})?")

    def _number(self, text: str) -> Decimal:
        if not self._shape.fullmatch(text):
            example = f"1{self.thousands}234{self.decimal}56"
            raise ValueError(f"is not written like {example}, as the mapping says amounts are")
        number = Decimal(text.replace(self.thousands, "").replace(self.decimal, ".") if self.thousands else
                         text.replace(self.decimal, "."))  # fmt: skip
        if number >= Decimal(10) ** 14:
            raise ValueError("is too large")
        return number

    def _currency(self, signs: list[str], of_the_row: str | None) -> str:
        told = set()
        for sign in signs:
            if sign in self.signs:
                told.add(self.signs[sign])
            elif _ISO.fullmatch(sign):
                told.add(sign)
            else:
                raise ValueError(f"has {sign!r} beside the number, which the mapping's currency_signs do not name")
        if of_the_row:
            told.add(of_the_row)
        if len(told) > 1:
            raise ValueError(f"says {' and '.join(sorted(told))}")
        found = told.pop() if told else self.currency
        if found is None:
            raise ValueError("has no currency, and the mapping names none")
        if not _ISO.fullmatch(found):
            raise ValueError(f"has the currency {found!r}, which is no ISO 4217 code")
        return found


class Known:
    """What a tenant knows by name: `names` maps each id to its name. Several may have one name."""

    def __init__(self, tenant: str, what: str, names: Mapping[str, str]) -> None:
        self._tenant = tenant
        self._what = what
        self._names = names
        self._ids: dict[str, list[str]] = {}
        for identity, name in names.items():
            self._ids.setdefault(name, []).append(identity)
        self._nearest = lru_cache(maxsize=10_000)(lambda word: _nearest(word, self._choices))

    def find(self, field: str, word: str) -> str:
        """The id of what has exactly this name or id (there or here). Raises Refused with the nearest one known."""
        found = self._ids.get(word, [])
        if len(found) == 1:
            return found[0]
        derived = identity("derived", self._tenant, self._what, word)
        if word in self._names or derived in self._names:
            return word if word in self._names else derived
        if found:
            raise Refused(field, word, f"several {self._what} have this name: {', '.join(sorted(found)[:5])}")
        raise Refused(field, word, f"no {self._what} of this name or id is known", self._nearest(word))

    def __contains__(self, word: str) -> bool:
        return (
            word in self._ids
            or word in self._names
            or identity("derived", self._tenant, self._what, word) in self._names
        )

    @cached_property
    def _choices(self) -> dict[str, str]:
        return {word: plain(word) for word in (*self._ids, *self._names)}


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice most like `word`, "" if none is."""
    return _nearest(word, {choice: plain(choice) for choice in choices})


def _nearest(word: str, plain_choices: Mapping[str, str]) -> str:
    """`plain_choices` are the choices with what each is compared as."""
    best = process.extractOne(plain(word), plain_choices, scorer=fuzz.WRatio, score_cutoff=MIN_SCORE)
    found: Any = best[2] if best else ""
    return str(found)


def plain(text: str) -> str:
    """The text without what people see no difference in: width and case."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def identity(scheme: str, tenant: str, entity: str, word: str) -> str:
    """The id of what `word` identifies: `kept` as it stands, `named` readable, or `derived`; the same for ever.

    Raises ValueError where it cannot be kept.
    """
    if scheme == "kept":
        if not _ID.fullmatch(word):
            raise ValueError(
                "cannot be an id: 1 to 80 letters, digits, dots, hyphens; let the mapping's ids be derived"
            )
        return word
    if scheme == "named" and _PLAIN_NAME.fullmatch(word):
        slug = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
        if slug and len(slug) <= 80:
            return slug
    return str(uuid5(IDENTITIES, f"{tenant}\n{entity}\n{word}"))

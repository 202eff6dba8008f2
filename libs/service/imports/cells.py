"""A row through the eyes of its mapping: fields with their values read, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TypeVar

from libs.events.facts import Money
from libs.service.imports.mapping import FileMapping, MappingDocument
from libs.service.imports.rows import Row
from libs.service.imports.values import Amounts, Dates, Refused, identity

T = TypeVar("T")


@dataclass(frozen=True)
class Form:
    """The mapping of one file of a tenant, ready to read rows with."""

    tenant: str
    mapping: MappingDocument
    name: str

    @property
    def file(self) -> FileMapping:
        """The file's own part."""
        return self.mapping.files[self.name]

    @cached_property
    def dates(self) -> Dates:
        """Reads this file's dates."""
        return self.mapping.dates(self.name)

    @property
    def amounts(self) -> Amounts:
        """Reads this export's amounts."""
        return self.mapping.amounts

    @cached_property
    def empty(self) -> frozenset[str]:
        """Texts that mean nothing."""
        return frozenset({"", *self.mapping.empty})

    @cached_property
    def open_fields(self) -> Mapping[str, dict[str, str]]:
        """By prefix (`attributes`, `tags`): the fields with a name of one's own, name → field."""
        found: dict[str, dict[str, str]] = {}
        for field in sorted(self.file.fields):
            prefix, dot, name = field.partition(".")
            if dot:
                found.setdefault(prefix, {})[name] = field
        return found

    def column(self, field: str) -> str:
        """The column a field is read from; the field's own name where it has none."""
        return self.file.column_of.get(field, field)


@dataclass(frozen=True, slots=True)
class Cells:
    """The fields of one row. Everything raises Refused for a value that does not fit."""

    form: Form
    row: Row

    def raw(self, field: str) -> str:
        """As it stands in the file, "" if it has no column."""
        return self.row.cells.get(self.form.file.column_of.get(field, ""), "")

    def text(self, field: str) -> str | None:
        """The text, after trimming, the value map and the default; None where it is empty."""
        form, file = self.form, self.form.file
        text: str | None = self.raw(field)
        if form.mapping.trim and text:
            text = text.strip()
        meant = file.values.get(field)
        if meant is not None and text in meant:
            text = meant[text]
        if text is None or text in form.empty:
            text = file.defaults.get(field)
        return text or None

    def required(self, field: str) -> str:
        """The text; an empty one is refused."""
        text = self.text(field)
        if text is None:
            raise Refused(field, self.raw(field), f"{field} is empty")
        return text

    def line(self, field: str) -> str | None:
        """One line of at most 200 characters."""
        text = self.text(field)
        if text is not None and (len(text) > 200 or "\n" in text or "\r" in text):
            raise Refused(field, text[:200], "is more than one line of 200 characters")
        return text

    def instant(self, field: str) -> datetime | None:
        """An instant in UTC."""
        return self._read(field, self.form.dates.instant)

    def day(self, field: str) -> date | None:
        """A day in the mapping's zone."""
        return self._read(field, self.form.dates.day)

    def money(self, field: str, currency_field: str = "currency") -> Money | None:
        """An amount with its currency."""
        currency = self.text(currency_field) if currency_field in self.form.file.fields else None
        return self._read(field, lambda text: self.form.amounts.money(text, currency))

    def those_of(self, prefix: str) -> dict[str, str]:
        """The fields with a name of one's own below `prefix`, by that name; empty ones are left out."""
        found = {name: self.line(field) for name, field in self.form.open_fields.get(prefix, {}).items()}
        return {name: text for name, text in found.items() if text is not None}

    def identity(self, entity: str, *fields: str) -> str:
        """The id made of the first of these fields that says anything, by the mapping's scheme.

        Without one, what is an id there is kept, and a name becomes a readable one.
        """
        field = next((one for one in fields if self.text(one) is not None), fields[0])
        word = self.required(field)
        try:
            return identity(
                self.form.file.ids or ("kept" if field == "id" else "named"), self.form.tenant, entity, word
            )
        except ValueError as error:
            raise Refused(field, word, str(error)) from error

    def _read(self, field: str, read: Callable[[str], T]) -> T | None:
        text = self.text(field)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            raise Refused(field, text[:200], str(error)) from error

"""The mapping document of an import: which column is which field, and how its values are written."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from libs.events.deciding import Id, Line
from libs.service.imports.values import SIGNS, Amounts, Dates, nearest

MAX_FILES = 20
MAX_COLUMNS = 300
MAX_VALUES = 20_000

Entity = Literal["people", "accounts", "products", "leads", "opportunities"]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}(\.[^\s.][^.]{0,79})?$")]
"""A field of an entity; `attributes.<name>`, `tags.<name>` are fields with a name of one's own."""
Header = Annotated[str, Field(min_length=1, max_length=200)]
Cell = Annotated[str, Field(max_length=2_000)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
SAMPLE = datetime(2017, 11, 28, 13, 5, 9)  # noqa: DTZ001 - a date for trying formats


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone")
    return name


def _date_format(text: str) -> str:
    try:
        read = datetime.strptime(SAMPLE.strftime(text), text)  # noqa: DTZ007
    except ValueError as error:
        raise ValueError(f"{text!r} is no date format: {error}") from error
    if read.date() != SAMPLE.date():
        raise ValueError(f"{text!r} does not say year, month and day")
    return text


DateFormats = Annotated[
    tuple[Annotated[str, Field(min_length=2, max_length=60), AfterValidator(_date_format)], ...],
    Field(min_length=1, max_length=10),
]


class Part(BaseModel):
    """A part of a mapping. Frozen; unknown members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StageTarget(Part):
    """Where a deal stands or how it ended; `stage` is one of the pipeline's definition, an ended deal ended in it."""

    stage: Id
    outcome: Literal["open", "won", "lost"] = "open"
    loss_reason: Id | None = None
    without_date: Literal["refuse", "undated"] | None = None


class FileMapping(Part):
    """One file: what its rows are, which column is which field, and what its values mean.

    `values` are value maps by field (null: as if empty), `defaults` stand where a field is empty or has no column,
    `ignore` names the columns that are left out ("*": all that are not mapped).
    """

    entity: Entity
    columns: Annotated[
        dict[Header, FieldName | Annotated[tuple[FieldName, ...], Field(min_length=1, max_length=10)]],
        Field(min_length=1, max_length=MAX_COLUMNS),
    ]
    ignore: Annotated[tuple[Header, ...], Field(max_length=MAX_COLUMNS)] = ()
    defaults: Annotated[dict[FieldName, Cell], Field(max_length=MAX_COLUMNS)] = {}
    values: Annotated[
        dict[FieldName, Annotated[dict[Cell, Cell | None], Field(max_length=MAX_VALUES)]], Field(max_length=100)
    ] = {}
    stages: Annotated[dict[Cell, StageTarget], Field(max_length=200)] = {}
    without_date: Literal["refuse", "undated"] = "refuse"
    date_formats: DateFormats | None = None
    ids: Literal["kept", "named", "derived"] | None = None

    @model_validator(mode="after")
    def _one_column_each(self) -> FileMapping:
        named = [name for names in self.columns.values() for name in ([names] if isinstance(names, str) else names)]
        if twice := {name for name in named if named.count(name) > 1}:
            raise ValueError(f"several columns are {', '.join(sorted(twice))}")
        return self

    @cached_property
    def column_of(self) -> dict[str, str]:
        """The column of each mapped field."""
        return {
            name: column
            for column, names in self.columns.items()
            for name in ([names] if isinstance(names, str) else names)
        }

    @property
    def fields(self) -> set[str]:
        """Every field that is spoken of."""
        return {*self.column_of, *self.defaults, *self.values}


class MappingDocument(Part):
    """How the files of one export are read; files are named as they are uploaded.

    `source` is kept with what comes from it; `zone` is where dates without a zone are; `empty` are texts that mean
    nothing; `trim` takes spaces off both ends; `definition_id` is the pipeline definition deals go by.
    """

    source: Line
    zone: Annotated[str, AfterValidator(_zone)]
    date_formats: DateFormats = ("%Y-%m-%d",)
    encoding: Literal["utf-8", "utf-16", "gb18030"] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'", "\u2019", "\u00a0", "\u202f"] = ","
    currency: Currency | None = None
    currency_signs: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=8)], Currency], Field(max_length=50)
    ] = {}
    empty: Annotated[tuple[Cell, ...], Field(max_length=50)] = ()
    trim: bool = True
    definition_id: Id | None = None
    files: Annotated[dict[Header, FileMapping], Field(min_length=1, max_length=MAX_FILES)]

    @model_validator(mode="after")
    def _marks_differ(self) -> MappingDocument:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands must be different marks")
        return self

    @cached_property
    def amounts(self) -> Amounts:
        """Reads this export's amounts."""
        return Amounts(self.decimal, self.thousands, self.currency, {**SIGNS, **self.currency_signs})

    def dates(self, file: str) -> Dates:
        """Reads the dates of a file."""
        return Dates(self.files[file].date_formats or self.date_formats, ZoneInfo(self.zone))


class MappingUnfit(Exception):
    """The mapping cannot be used; `errors` are `{pointer, message}`, what to correct."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{one['pointer']}: {one['message']}" for one in errors[:5]))
        self.errors = errors


def parse_mapping(text: bytes | str) -> MappingDocument:
    """The mapping of a JSON text. Raises MappingUnfit."""
    try:
        return MappingDocument.model_validate_json(text)
    except ValidationError as error:
        raise MappingUnfit(
            [
                {"pointer": "".join(f"/{part}" for part in one["loc"]), "message": one["msg"]}
                for one in error.errors(include_url=False, include_context=False, include_input=False)[:50]
            ]
        ) from error


def check_fields(
    name: str, file: FileMapping, known: tuple[str, ...], required: tuple[str, ...]
) -> list[dict[str, str]]:
    """What is wrong with the fields a file's mapping names; `known` may end in `.*` for names of one's own."""
    open_names = tuple(field.removesuffix("*") for field in known if field.endswith(".*"))
    errors = []
    for field in sorted(file.fields):
        if field in known or (open_names and field.startswith(open_names)):
            continue
        like = nearest(field, known)
        meant = f"; did you mean {like}?" if like else f"; there are {', '.join(known)}"
        errors.append({"pointer": f"/files/{name}", "message": f"{file.entity} have no field {field}{meant}"})
    given = {*file.column_of, *file.defaults}
    for field in required:
        if field not in given:
            message = f"{file.entity} need the field {field}: map a column to it"
            errors.append({"pointer": f"/files/{name}/columns", "message": message})
    return errors

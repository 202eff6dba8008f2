"""The rows of a CSV file, read strictly: a row that cannot be read is told apart, and the next ones are read."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from libs.service.imports.mapping import FileMapping, MappingDocument
from libs.service.imports.values import nearest

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_RECORD_LINES = 200
"""A quoted cell may run over so many lines; a quote that is never closed does not swallow the rest of the file."""

_BROKEN = re.compile("[\x00\ud800-\udfff]")


class FileUnfit(Exception):
    """The file as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """A data row: `number` counts them from 1, `line` is where it begins in the file.

    `cells` by column; `error` says why it cannot be read instead.
    """

    number: int
    line: int
    cells: Mapping[str, str]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file with the header it was checked against."""

    columns: tuple[str, ...]
    lines: _Lines
    delimiter: str

    def rows(self) -> Iterator[Row]:
        """Every data row, once; blank lines are none. Raises FileUnfit beyond a million."""
        records = _records(self.lines, self.delimiter, len(self.columns))
        for number, (line, record, error) in enumerate(records, 1):
            if number > MAX_ROWS:
                raise FileUnfit(f"a file may have {MAX_ROWS:,} rows; split it")
            yield Row(number, line, dict(zip(self.columns, record, strict=True)) if not error else {}, error)


def open_sheet(data: bytes, mapping: MappingDocument, file: FileMapping) -> Sheet:
    """The file's header, checked. Raises FileUnfit naming what is missing and what was found instead."""
    if len(data) > MAX_FILE_BYTES:
        raise FileUnfit(f"a file may have {MAX_FILE_BYTES // 1024 // 1024} MB")
    lines = _Lines(data, mapping.encoding)
    first = next(_records(lines, mapping.delimiter, None), None)
    if first is None:
        raise FileUnfit("the file is empty")
    _, header, error = first
    if error:
        raise FileUnfit(f"the header cannot be read: {error}")
    columns = tuple(name.strip() for name in header)
    _check_header(columns, mapping.delimiter, file)
    return Sheet(columns, lines, mapping.delimiter)


def _check_header(columns: tuple[str, ...], delimiter: str, file: FileMapping) -> None:
    found = ", ".join(columns)[:1_000]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise FileUnfit(f"the header names {', '.join(map(repr, twice))} twice")
    if missing := [name for name in file.columns if name not in columns]:
        rest = [name for name in columns if name not in file.columns]
        told = [f"{name!r}{f' (like {like!r}?)' if (like := nearest(name, rest)) else ''}" for name in missing]
        hint = f"; one column only: is the delimiter {delimiter!r}?" if len(columns) == 1 else ""
        raise FileUnfit(f"the mapping names the columns {', '.join(told)}; the file has {found}{hint}")
    left = [name for name in columns if name not in file.columns and name not in file.ignore]
    if left and "*" not in file.ignore:
        raise FileUnfit(f"the mapping neither maps nor ignores the columns {', '.join(map(repr, left))}")


class _Lines:
    """The physical lines of a file, with the number of the next one; lines can be handed back."""

    def __init__(self, data: bytes, encoding: str) -> None:
        errors = "strict" if encoding == "utf-16" else "surrogateescape"
        encoding = "utf-8-sig" if encoding == "utf-8" else encoding
        self._text = io.TextIOWrapper(io.BytesIO(data), encoding, errors=errors, newline="")
        self._held: deque[str] = deque()
        self.number = 1

    def take(self) -> str | None:
        """The next line with its ending; None at the end. Raises FileUnfit."""
        try:
            line = self._held.popleft() if self._held else self._text.readline()
        except UnicodeError as error:
            raise FileUnfit(f"line {self.number} is not {self._text.encoding}: {error}") from error
        if not line:
            return None
        self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        """Read these again."""
        self._held.extendleft(reversed(lines))
        self.number -= len(lines)


def _records(lines: _Lines, delimiter: str, width: int | None) -> Iterator[tuple[int, list[str], str]]:
    """(first line, cells, error) of each record that is not blank; after an error the next line begins a new one."""
    while True:
        begin = lines.number
        taken: list[str] = []

        def more(taken: list[str] = taken) -> Iterator[str]:
            while len(taken) < MAX_RECORD_LINES and (line := lines.take()) is not None:
                taken.append(line)
                yield line

        error = ""
        record: list[str] = []
        try:
            record = next(csv.reader(more(), delimiter=delimiter, strict=True), [])
        except csv.Error as broken:
            why = "a quote is not closed" if "end of data" in str(broken) else str(broken)
            error = f"cannot be read as CSV: {why}"
        if not taken:
            return
        if not error and _BROKEN.search("".join(taken)):
            error = "has characters that are not of the file's encoding, or NUL"
        if not error and record and width is not None and len(record) != width:
            error = f"has {len(record)} columns, the header has {width}"
        if error:
            lines.give_back(taken[1:])
        elif not record:
            continue
        yield begin, record, error

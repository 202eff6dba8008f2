"""CSV files as they come: strict, and without losing good rows to bad ones."""

from __future__ import annotations

from typing import Any

import pytest

from libs.service.imports import rows as reading
from libs.service.imports.mapping import MappingDocument
from libs.service.imports.rows import FileUnfit, Row, open_sheet


def mapping(**more: Any) -> MappingDocument:
    """A mapping of one file with the columns a and b."""
    file = {"entity": "accounts", "columns": {"a": "name", "b": "sector"}} | more.pop("file", {})
    return MappingDocument.model_validate({"source": "x", "zone": "UTC", "files": {"f.csv": file}} | more)


def read(data: bytes | str, document: MappingDocument | None = None) -> list[Row]:
    """All rows of a file."""
    document = document or mapping()
    data = data.encode() if isinstance(data, str) else data
    return list(open_sheet(data, document, document.files["f.csv"]).rows())


def cells(data: bytes | str, document: MappingDocument | None = None) -> list[tuple[str, ...] | str]:
    """The cells of each row, or what is wrong with it."""
    return [row.error or tuple(row.cells.values()) for row in read(data, document)]


def test_rows_know_their_number_and_the_line_they_begin_in() -> None:
    rows = read('a,b\r\n"1\r\n2",x\r\n\r\n3,y')
    assert [(row.number, row.line, dict(row.cells)) for row in rows] == [
        (1, 2, {"a": "1\r\n2", "b": "x"}),
        (2, 5, {"a": "3", "b": "y"}),
    ]


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    found = cells('a,b\n1,2\n"3,4\n5,6\n7,8\n')
    assert found == [("1", "2"), "cannot be read as CSV: a quote is not closed", ("5", "6"), ("7", "8")]


def test_a_quote_that_swallows_a_row_gives_it_back() -> None:
    found = cells('a,b\n"1,2\n3",4,5\n6,7\n')
    assert found == ["has 3 columns, the header has 2", "has 3 columns, the header has 2", ("6", "7")]


@pytest.mark.parametrize("bad", ["1", "1,2,3", "1,\x00", '1,"2"3'])
def test_a_bad_row_is_told_apart_and_the_next_is_read(bad: str) -> None:
    first, second = cells(f"a,b\n{bad}\n8,9\n")
    assert isinstance(first, str)
    assert second == ("8", "9")


def test_a_row_of_another_encoding_is_told_apart() -> None:
    first, second = cells(b"a,b\ncaf\xe9,1\nok,2\n")
    assert first == "has characters that are not of the file's encoding, or NUL"
    assert second == ("ok", "2")


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert cells("\ufeffa,b\n1,2".encode()) == [("1", "2")]


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8"])
def test_the_mapping_names_the_encoding(encoding: str) -> None:
    assert cells("a,b\n海尔,家电".encode(encoding), mapping(encoding=encoding)) == [("海尔", "家电")]


def test_missing_columns_are_named_with_what_was_found() -> None:
    with pytest.raises(FileUnfit, match=r"'b' \(like 'bb'\?\); the file has a, bb"):
        read("a,bb\n1,2")
    with pytest.raises(FileUnfit, match="is the delimiter ','"):
        read("a;b\n1;2")


def test_columns_are_mapped_or_ignored_knowingly() -> None:
    with pytest.raises(FileUnfit, match="neither maps nor ignores the columns 'c'"):
        read("a,b,c\n1,2,3")
    assert cells("a,b,c\n1,2,3", mapping(file={"ignore": ["c"]})) == [("1", "2", "3")]
    assert cells("a,b,c\n1,2,3", mapping(file={"ignore": ["*"]})) == [("1", "2", "3")]


@pytest.mark.parametrize("data", ["", "\n\n", "a,b,a\n1,2,3", '"a,b\n1,2'])
def test_a_file_without_a_header_of_its_own_is_refused(data: str) -> None:
    with pytest.raises(FileUnfit):
        read(data)


def test_a_file_of_another_encoding_is_refused_whole_where_rows_cannot_be_told_apart() -> None:
    with pytest.raises(FileUnfit, match="utf-16"):
        read(b"a,b\n1,2\n3", mapping(encoding="utf-16"))


def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 100)
    with pytest.raises(FileUnfit, match="a file may have 2 rows"):
        read("a,b\n1,2\n3,4\n5,6")
    with pytest.raises(FileUnfit, match="MB"):
        read("a,b\n" + "1,2\n" * 50)

"""The file of refusals: one line for each row that was not taken, with the reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from libs.service.objects import Objects

MAX_BYTES = 60 * 1024 * 1024
MAX_VALUE = 500
HEADER = ("file", "row", "column", "value", "reason", "nearest")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class RowProblem(NamedTuple):
    """Why a row was refused; `row` is its line in the file, `nearest` a known value like the one it has."""

    file: str
    row: int
    column: str
    value: str
    reason: str
    nearest: str = ""


def written(problems: Iterable[RowProblem]) -> bytes:
    """As lines of CSV, without the header. Spreadsheets must not take a value for a formula."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    for problem in problems:
        lines.writerow([_plain(str(part)) for part in problem])
    return text.getvalue().encode("utf-8", "replace")


async def gathered(objects: Objects, keys: Sequence[str]) -> bytes:
    """One file of these parts, UTF-8 with a mark so that spreadsheets see it; cut off, saying so, beyond 60 MB."""
    found = bytearray(("\ufeff" + ",".join(HEADER) + "\r\n").encode())
    for number, key in enumerate(keys):
        part = await objects.get(key)
        if len(found) + len(part) > MAX_BYTES:
            found += written([RowProblem("", 0, "", "", f"{len(keys) - number} more parts are not listed here")])
            break
        found += part
    return bytes(found)


async def joined(objects: Objects, import_id: str, keys: Sequence[str]) -> str:
    """Put the one file of all refusals into the object store; its key."""
    key = f"imports/{import_id}/problems.csv"
    await objects.put(key, await gathered(objects, keys))
    return key


def _plain(text: str) -> str:
    text = text.replace("\x00", "\ufffd")[:MAX_VALUE]
    return f"'{text}" if text.startswith(_FORMULA) else text

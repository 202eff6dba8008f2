"""The list of imports, with how far each of their files is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.imports import ImportFailed, ImportFinished, ImportProgressed, ImportStarted
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import of the service whose stream it is: `running`, `finished` or `failed`."""

    import_id: str
    service: str
    kind: str
    state: str
    by: str
    mapping_sha256: str
    started_at: datetime
    version: int
    ended_at: datetime | None = None
    why: str | None = None
    problems_key: str | None = None


@dataclass(frozen=True, slots=True)
class ImportFileRow:
    """One of its files; `problems` are the objects that hold its refusals so far."""

    number: int
    name: str
    entity: str | None
    sha256: str
    rows: int
    problems: list[str]
    done: int = 0
    accepted: int = 0
    repeated: int = 0
    refused: int = 0


def keys(fact: Any) -> list[str]:
    """An import is a key; all of its facts are on one stream."""
    return [fact.import_id]


def fold(group: Group, recorded: Recorded[Any]) -> Sequence[Any]:
    """The import and its files after one more fact."""
    fact, row, files = recorded.fact, group.one(ImportRow), group.all(ImportFileRow)
    if isinstance(fact, ImportStarted):
        return _started(fact, recorded)
    if row is None:
        return []
    row = replace(row, version=recorded.version)
    match fact:
        case ImportProgressed():
            files = [_progressed(file, fact) if file.name == fact.file else file for file in files]
        case ImportFinished():
            row = replace(row, state="finished", ended_at=fact.finished_at, problems_key=fact.problems_key)
        case ImportFailed():
            row = replace(row, state="failed", ended_at=fact.failed_at, why=fact.why)
        case _:
            pass
    return [row, *files]


def _started(fact: ImportStarted, recorded: Recorded[Any]) -> list[Any]:
    row = ImportRow(
        import_id=fact.import_id,
        service=recorded.stream.split("/", 1)[0],
        kind=fact.kind,
        state="running",
        by=fact.by,
        mapping_sha256=fact.mapping_sha256,
        started_at=fact.started_at,
        version=recorded.version,
    )
    files = [
        ImportFileRow(number, file.name, file.entity, file.sha256, file.rows, [])
        for number, file in enumerate(fact.files)
    ]
    return [row, *files]


def _progressed(file: ImportFileRow, fact: ImportProgressed) -> ImportFileRow:
    return replace(
        file,
        problems=[*file.problems, fact.problems_key] if fact.problems_key else file.problems,
        done=fact.rows_done,
        accepted=fact.accepted,
        repeated=fact.repeated,
        refused=fact.refused,
    )


IMPORTS = Projection(
    name="imports",
    version=1,
    reads=(ImportStarted, ImportProgressed, ImportFinished, ImportFailed),
    tables=(
        Table("imports", ImportRow, indexes=(("service", "started_at", "import_id"),)),
        Table("import_files", ImportFileRow, identity=("number",)),
    ),
    keys=keys,
    fold=fold,
)

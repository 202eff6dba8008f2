"""An import as a stream of facts: started, so far, finished or failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.imports import ImportedFile, ImportFailed, ImportFinished, ImportProgressed, ImportStarted
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf, Text
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact

Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a file that are dealt with: `done` of them in order, each accepted, repeated or refused."""

    done: int = 0
    accepted: int = 0
    repeated: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """An import, as it goes on after a crash. `problems` are the objects that hold refusals."""

    started: ImportStarted | None = None
    files: Mapping[str, Counts] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    ended: bool = False


def evolve(state: Import, fact: Any) -> Import:
    """The import after one more fact."""
    match fact:
        case ImportStarted():
            return replace(state, started=fact, files={file.name: Counts() for file in fact.files})
        case ImportProgressed():
            counts = Counts(fact.rows_done, fact.accepted, fact.repeated, fact.refused)
            problems = (*state.problems, fact.problems_key) if fact.problems_key else state.problems
            return replace(state, files={**state.files, fact.file: counts}, problems=problems)
        case ImportFinished() | ImportFailed():
            return replace(state, ended=True)
        case _:
            return state


IMPORT = StreamKind("import", Import(), evolve)


class OnImport(Command):
    """Names the import."""

    import_id: Id


class StartImport(OnImport):
    """Take files and their mapping in."""

    kind: Line
    files: Annotated[tuple[ImportedFile, ...], Field(min_length=1, max_length=20)]
    mapping_key: Line
    mapping_sha256: Line


class ProgressImport(OnImport):
    """Rows of a file up to `rows_done` are dealt with; before, those up to `rows_before` were."""

    file: Line
    rows_before: Count
    rows_done: Count
    accepted: Count
    repeated: Count
    refused: Count
    problems_key: Line | None = None


class FinishImport(OnImport):
    """Every row is dealt with."""

    problems_key: Line | None = None


class FailImport(OnImport):
    """It cannot be done."""

    why: Text


def _streams(states: States, command: OnImport, given: Given) -> list[StreamOf[Any]]:
    return [IMPORT.of(command.import_id)]


def _running(states: States, command: OnImport) -> Import:
    state = states[IMPORT.of(command.import_id)]
    if state.started is None:
        raise NotFound("import", command.import_id)
    return state


def _start(states: States, command: StartImport, given: Given) -> list[Fact]:
    if states[IMPORT.of(command.import_id)].started is not None:
        return []
    about = command.model_dump()
    return [ImportStarted(**about, by=given.actor.id, started_at=given.now)]


def _progress(states: States, command: ProgressImport, given: Given) -> list[Fact]:
    state = _running(states, command)
    if state.ended or state.files.get(command.file, Counts()).done != command.rows_before:
        raise Rejected("CONFLICT_STATE", "somebody else works on this import")
    return [ImportProgressed(**command.model_dump(exclude={"rows_before"}))]


def _finish(states: States, command: FinishImport, given: Given) -> list[Fact]:
    state = _running(states, command)
    assert state.started is not None
    if state.ended:
        return []
    if any(state.files[file.name].done < file.rows for file in state.started.files):
        raise Rejected("CONFLICT_STATE", "not every row is dealt with yet")
    counts = state.files.values()
    return [
        ImportFinished(
            import_id=command.import_id,
            accepted=sum(one.accepted for one in counts),
            repeated=sum(one.repeated for one in counts),
            refused=sum(one.refused for one in counts),
            problems_key=command.problems_key,
            finished_at=given.now,
        )
    ]


def _fail(states: States, command: FailImport, given: Given) -> list[Fact]:
    if _running(states, command).ended:
        return []
    return [ImportFailed(import_id=command.import_id, why=command.why, failed_at=given.now)]


START_IMPORT = Decider("start-import", _streams, _start)
PROGRESS_IMPORT = Decider("progress-import", _streams, _progress)
FINISH_IMPORT = Decider("finish-import", _streams, _finish)
FAIL_IMPORT = Decider("fail-import", _streams, _fail)

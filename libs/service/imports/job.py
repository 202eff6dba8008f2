"""Doing an import: batches of rows become commands, each batch a fact; after a crash it goes on behind the last one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic import ValidationError

from libs.events.contracts.imports import ImportedFile, ImportStarted
from libs.events.errors import (
    Conflict,
    FactTooLarge,
    IdempotencyMismatch,
    NotFound,
    NotYetVisible,
    Overloaded,
    Rejected,
    Unavailable,
)
from libs.events.facts import Actor
from libs.events.failpoints import failpoint
from libs.events.running import Outcome, Request
from libs.service.imports.arriving import Arriving, caught_up
from libs.service.imports.cells import Cells, Form
from libs.service.imports.domain import (
    FAIL_IMPORT,
    FINISH_IMPORT,
    IMPORT,
    PROGRESS_IMPORT,
    Counts,
    FailImport,
    FinishImport,
    Import,
    ProgressImport,
)
from libs.service.imports.importing import Importer, Material, Step, ToSteps
from libs.service.imports.mapping import MappingDocument, MappingUnfit, parse_mapping
from libs.service.imports.problems import RowProblem, joined, written
from libs.service.imports.rows import FileUnfit, Row, open_sheet
from libs.service.imports.values import Refused
from libs.service.jobs import Tools
from libs.service.objects import Objects

ROWS = UUID("c1c52d86-6f53-5d0e-9b0a-6b1c2c3f7d11")
BATCH = 500
AT_ONCE = 64
PATIENCE_SECONDS = 10.0
RETRIES = 8
KIND = "import"
NO_CODE = "is no code of letters, digits, dots and hyphens; say in the mapping's values which one it is"


@dataclass(slots=True)
class _Tally:
    """What became of the rows of a file."""

    counts: Counts
    problems: list[RowProblem] = field(default_factory=list)

    def count(self, verdict: str) -> None:
        self.counts = replace(self.counts, done=self.counts.done + 1, **{verdict: getattr(self.counts, verdict) + 1})


@dataclass(frozen=True, slots=True)
class _Planned:
    """A row that is to be run, or what is wrong with it."""

    cells: Cells
    steps: Sequence[Step] = ()
    problem: RowProblem | None = None
    repeated: bool = False


async def run_import(
    tools: Tools, tenant: str, import_id: str, importers: Sequence[Importer], patience: float = PATIENCE_SECONDS
) -> None:
    """Do an import to its end, or what is left of it. Harmless when it has ended, or when two do it at once.

    Once it has ended, the files that were uploaded are removed: what they say of people must be nowhere but sealed.
    """
    state = await load_import(tools, tenant, import_id)
    if state.started is None:
        return
    objects = tools.objects.of(tenant)
    if not state.ended:
        await _work(tools, tenant, state, objects, importers, patience)
    await put_away(objects, state.started.files)


async def _work(
    tools: Tools, tenant: str, state: Import, objects: Objects, importers: Sequence[Importer], patience: float
) -> None:
    assert state.started is not None
    import_id = state.started.import_id
    try:
        mapping = parse_mapping(await objects.get(state.started.mapping_key))
        for number, file in enumerate(state.started.files):
            work = _File(
                tools, tenant, state.started, number, mapping, {one.entity: one for one in importers}, patience
            )
            await work.run(state.files[file.name])
    except (MappingUnfit, FileUnfit) as unfit:
        await _command(tools, tenant, state.started, FAIL_IMPORT, FailImport(import_id=import_id, why=str(unfit)))
        return
    state = await load_import(tools, tenant, import_id)
    key = await joined(objects, import_id, state.problems) if state.problems else None
    assert state.started is not None
    await _command(tools, tenant, state.started, FINISH_IMPORT, FinishImport(import_id=import_id, problems_key=key))


async def put_away(objects: Objects, files: Sequence[ImportedFile]) -> None:
    """Remove the files of an import that has ended."""
    await objects.delete(*(file.key for file in files))


async def give_up(tools: Tools, tenant: str, import_id: str, why: str) -> None:
    """Record that an import cannot be done."""
    state = await load_import(tools, tenant, import_id)
    if state.started is not None:
        await _command(tools, tenant, state.started, FAIL_IMPORT, FailImport(import_id=import_id, why=why))
        await put_away(tools.objects.of(tenant), state.started.files)


async def load_import(tools: Tools, tenant: str, import_id: str) -> Import:
    """The import as its facts say now."""
    stream = f"{tools.log.service}/{IMPORT.of(import_id).name}"
    loaded = await tools.log.load(tenant, uuid4(), {stream: 0})
    state = IMPORT.initial
    for recorded in loaded.facts[stream]:
        state = IMPORT.evolve(state, recorded.fact)
    return state


def _actor(started: ImportStarted) -> Actor:
    return Actor(kind="migration", id=f"import-{started.import_id}", on_behalf_of=started.by)


async def _command(tools: Tools, tenant: str, started: ImportStarted, decider: Any, command: Any) -> None:
    """A step of the import itself; its id comes from what it says, so that a repeated one is the same."""
    identity = uuid5(ROWS, f"{tenant}\n{decider.name}\n{command.model_dump_json()}")
    request = Request(tenant, _actor(started), identity, roles=frozenset({"process-owner"}), channel="migration")
    await _steadily(tools, decider, command, request, {})


async def _steadily(tools: Tools, decider: Any, command: Any, request: Request, ids: Mapping[str, str]) -> Outcome:
    """Run a command; what only needs a moment is tried again, with the same id."""
    for attempt in range(RETRIES):
        try:
            return await tools.runner.run(decider, command, request, ids)
        except (Overloaded, Unavailable, Conflict, NotYetVisible):
            if attempt == RETRIES - 1:
                raise
            await asyncio.sleep(min(2.0, 0.05 * 2**attempt) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    raise AssertionError


class _File:
    """One file of an import."""

    def __init__(
        self,
        tools: Tools,
        tenant: str,
        started: ImportStarted,
        number: int,
        mapping: MappingDocument,
        importers: Mapping[str, Importer],
        patience: float,
    ) -> None:
        self.tools = tools
        self.tenant = tenant
        self.started = started
        self.number = number
        self.mapping = mapping
        self.file: ImportedFile = started.files[number]
        self.importer = importers[mapping.files[self.file.name].entity]
        self.form = Form(tenant, mapping, self.file.name)
        self.patience = patience
        self.seen: dict[str, tuple[int, str]] = {}
        self.limit = asyncio.Semaphore(AT_ONCE)
        self.data = b""

    async def run(self, counts: Counts) -> None:
        """All rows that are not dealt with yet."""
        if counts.done >= self.file.rows:
            return
        self.data = await self.tools.objects.of(self.tenant).get(self.file.key)
        if hashlib.sha256(self.data).hexdigest() != self.file.sha256:
            raise FileUnfit(f"{self.file.name}: the stored file is not the one that was taken in")
        to_steps = await self._prepare()
        cells = self._rows()
        for done in islice(cells, counts.done):
            self._plan(done, to_steps)
        tally = _Tally(counts)
        while batch := list(islice(cells, BATCH)):
            await self._batch([self._plan(one, to_steps) for one in batch], tally)

    def _rows(self) -> Iterator[Cells]:
        return (Cells(self.form, row) for row in open_sheet(self.data, self.mapping, self.form.file).rows())

    async def _prepare(self) -> ToSteps:
        await caught_up(self.tools.log.pool, self.importer.reads)
        arriving = Arriving(self.tools.log.pool, self.importer.reads, self.started.started_at, self.patience)
        reader = self.tools.runner.reader(self.tenant)
        return await self.importer.prepare(Material(self.form, reader, self._rows, arriving))

    def _plan(self, cells: Cells, to_steps: ToSteps) -> _Planned:
        """What a row becomes. A second row about the same thing is a repetition, or refused if it says otherwise."""
        if cells.row.error:
            return _Planned(cells, problem=self._problem(cells.row, "", "", cells.row.error))
        try:
            steps = to_steps(cells)
        except Refused as refused:
            column = self.form.column(refused.field)
            problem = self._problem(cells.row, column, refused.value, refused.reason, refused.nearest)
            return _Planned(cells, problem=problem)
        except ValidationError as error:
            return _Planned(cells, problem=self._invalid(cells, error))
        main, said = steps[-1], "".join(self._fingerprint(step) for step in steps)
        line, said_before = self.seen.setdefault(main.identity, (cells.row.line, said))
        if line == cells.row.line:
            return _Planned(cells, steps)
        if said == said_before:
            return _Planned(cells, repeated=True)
        why = f"row {line} has the same id and says something else"
        column = self.form.column(main.field)
        return _Planned(cells, problem=self._problem(cells.row, column, cells.raw(main.field), why))

    async def _batch(self, planned: Sequence[_Planned], tally: _Tally) -> None:
        """Run the rows of a batch beside each other, then record how far the file is."""
        before = tally.counts.done
        tally.problems.clear()
        for verdict in await asyncio.gather(*(self._row(one) for one in planned)):
            tally.count(verdict if isinstance(verdict, str) else "refused")
            if isinstance(verdict, RowProblem):
                tally.problems.append(verdict)
        key = None
        if tally.problems:
            key = f"imports/{self.started.import_id}/problems/{self.number}-{tally.counts.done}.csv"
            await self.tools.objects.of(self.tenant).put(key, written(tally.problems))
        command = ProgressImport(
            import_id=self.started.import_id,
            file=self.file.name,
            rows_before=before,
            rows_done=tally.counts.done,
            accepted=tally.counts.accepted,
            repeated=tally.counts.repeated,
            refused=tally.counts.refused,
            problems_key=key,
        )
        try:
            await _command(self.tools, self.tenant, self.started, PROGRESS_IMPORT, command)
        except Rejected as refusal:  # whoever else works on it has the same rows; one of us has to stop
            raise Unavailable(str(refusal)) from refusal
        await self.tools.note_progress(self.started.import_id, len(planned), len(tally.problems))

    async def _row(self, planned: _Planned) -> str | RowProblem:
        if planned.problem is not None:
            return planned.problem
        if planned.repeated:
            return "repeated"
        async with self.limit:
            for step in planned.steps:
                try:
                    outcome = await self._step(step)
                except (Rejected, NotFound, IdempotencyMismatch, FactTooLarge, ValidationError) as refusal:
                    return self._refusal(planned.cells, step, refusal)
        failpoint("import.row")
        new = bool(outcome.facts) and outcome.ids.get(KIND) == self.started.import_id
        return "accepted" if new else "repeated"

    async def _step(self, step: Step) -> Outcome:
        """The same row has the same command id in every import, so that it is never taken twice."""
        request = Request(
            tenant=self.tenant,
            actor=_actor(self.started),
            command_id=uuid5(ROWS, f"{self.tenant}\n{step.decider.name}\n{step.identity}"),
            fingerprint=self._fingerprint(step),
            roles=frozenset({"process-owner"}),
            channel="migration",
            correlation_id=UUID(self.started.import_id),
            occurred_at=step.occurred_at,
            reason=f"recorded from the history of {self.mapping.source}",
        )
        return await _steadily(self.tools, step.decider, step.command, request, {KIND: self.started.import_id})

    def _fingerprint(self, step: Step) -> str:
        if step.keeps:
            return ""
        text = f"{step.decider.name}\n{step.occurred_at}\n{step.command.model_dump_json()}"
        return hmac.new(self.tools.settings.key("fingerprints"), text.encode(), hashlib.sha256).hexdigest()

    def _refusal(self, cells: Cells, step: Step, refusal: Exception) -> RowProblem:
        if isinstance(refusal, ValidationError):
            return self._invalid(cells, refusal, step)
        details = refusal.details if isinstance(refusal, Rejected) else {}
        field = self._field(str(details.get("field", "")), step)
        why = str(refusal)
        if isinstance(refusal, IdempotencyMismatch):
            why = "this was imported before with other values; history is not rewritten"
        known = details.get("nearest")
        near = known.get("name", "") if isinstance(known, Mapping) else ""
        return self._problem(cells.row, self.form.column(field), cells.raw(field), why, str(near))

    def _field(self, named: str, step: Step | None) -> str:
        """The import's field for what a command calls `named`; where the step points if that has no column."""
        field = step.fields.get(named, named) if step else named
        return field if field in self.form.file.fields or step is None else step.field

    def _invalid(self, cells: Cells, error: ValidationError, step: Step | None = None) -> RowProblem:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        named = str(first["loc"][0]) if first["loc"] else ""
        field = self._field(named, step)
        where = "" if field == named else f"{named}: "
        why = NO_CODE if first["type"] == "string_pattern_mismatch" else first["msg"]
        return self._problem(cells.row, self.form.column(field), cells.raw(field), f"{where}{why}")

    def _problem(self, row: Row, column: str, value: str, reason: str, near: str = "") -> RowProblem:
        return RowProblem(self.file.name, row.line, column, value, reason, near)

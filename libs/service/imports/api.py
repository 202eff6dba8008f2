"""Imports over HTTP: starting one, following it, and the file of its refusals."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Request, UploadFile
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from libs.events.contracts.imports import ImportedFile
from libs.events.deciding import Id
from libs.events.errors import NotFound
from libs.service.asking import is_dry_run
from libs.service.equipment import Equipment, equipment
from libs.service.http import Accepted, Page, PageQuery, Person, Problem, Read, Run, allowed, problems, versioned
from libs.service.imports.domain import START_IMPORT, StartImport
from libs.service.imports.importing import Importer
from libs.service.imports.job import put_away
from libs.service.imports.mapping import MappingDocument, MappingUnfit, check_fields, parse_mapping
from libs.service.imports.problems import gathered
from libs.service.imports.projections import IMPORTS
from libs.service.imports.rows import MAX_FILE_BYTES, FileUnfit, open_sheet

MAX_UPLOAD_BYTES = 2 * MAX_FILE_BYTES
MAX_MAPPING_BYTES = 1024 * 1024
ORDER = ("people", "accounts", "products", "leads", "opportunities")
State = Literal["running", "finished", "failed"]
ImportPath = Annotated[Id, Path(description="The import's id")]
Owner = Annotated[Person, allowed("process-owner")]


async def _about(request: Request) -> Equipment:
    return equipment(request)


About = Annotated[Equipment, Depends(_about)]


class ImportFileView(BaseModel):
    """A file of an import: `done` of its `rows` are dealt with, each accepted, repeated or refused."""

    model_config = ConfigDict(frozen=True)

    name: str
    entity: str | None
    sha256: str
    rows: int
    done: int
    accepted: int
    repeated: int
    refused: int


class ImportView(BaseModel):
    """An import. `why` says why it failed as a whole; single rows that were refused are in its file of problems."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    kind: str
    state: State
    by: str
    mapping_sha256: str
    started_at: datetime
    ended_at: datetime | None
    why: str | None
    rows: int
    done: int
    accepted: int
    repeated: int
    refused: int
    files: list[ImportFileView]
    version: int


_SELECT = (
    "select i.*, f.files from imports i cross join lateral (select jsonb_agg(to_jsonb(f) order by f.number) as files"
    " from import_files f where f.tenant = i.tenant and f.key = i.key) f where i.tenant = $1 and i.service = $2"
)


def import_router(path: str, tag: str, importers: Sequence[Importer], name: str = "Import") -> APIRouter:
    """The routes `/{path}…` of a service that imports these entities; `name` is in the operations' ids."""
    router = APIRouter(prefix=f"/{path}", tags=[tag])
    _add_start(router, path, {one.entity: one for one in importers}, name)
    _add_queries(router, name)
    return router


def _add_start(router: APIRouter, path: str, importers: Mapping[str, Importer], name: str) -> None:
    entities = ", ".join(importers)

    @router.post(
        "",
        operation_id=f"start{name}",
        status_code=202,
        response_model=Accepted,
        responses=problems(403, 413, 422),
        max_body_size=MAX_UPLOAD_BYTES + MAX_MAPPING_BYTES,
        openapi_extra={
            "requestBody": {"content": {"multipart/form-data": {"example": _example(next(iter(importers)))}}}
        },
        description=f"Import CSV files of {entities}. The answer comes once the files are taken in; follow the import"
        " under its id. A row that was imported before adds nothing.",
    )
    async def start_import(
        who: Owner,
        run: Run,
        mapping: Annotated[UploadFile, File(description="The mapping document, JSON")],
        files: Annotated[list[UploadFile], File(description="CSV files by the names that the mapping gives them")],
        kind: Annotated[
            Literal["history"], Form(description="history: facts with their own time, no alerts")
        ] = "history",
    ) -> Response:
        text = await mapping.read(MAX_MAPPING_BYTES + 1)
        if len(text) > MAX_MAPPING_BYTES:
            raise Problem("TOO_LARGE", f"a mapping may have {MAX_MAPPING_BYTES} bytes")
        document = _mapping(text, importers)
        contents = await _contents(files, document, importers)
        import_id = run.derive("import")
        taken, keys = [], f"imports/{import_id}"
        for number, (file, data) in enumerate(contents.items()):
            rows = await asyncio.to_thread(_count, file, data, document)
            sha256, entity = hashlib.sha256(data).hexdigest(), document.files[file].entity
            taken.append(ImportedFile(name=file, key=f"{keys}/{number}.csv", sha256=sha256, rows=rows, entity=entity))
        if not is_dry_run(run.http):
            await run.objects.put(f"{keys}/mapping.json", text)
            for one, data in zip(taken, contents.values(), strict=True):
                await run.objects.put(one.key, data)
        command = StartImport(
            import_id=import_id,
            kind=kind,
            files=tuple(taken),
            mapping_key=f"{keys}/mapping.json",
            mapping_sha256=hashlib.sha256(text).hexdigest(),
        )
        answer = await run(START_IMPORT, command, id=import_id, location=f"/v1/{path}/{import_id}")
        if "Idempotency-Replayed" in answer.headers and await _has_ended(run, import_id):
            await put_away(run.objects, taken)
        return answer


async def _has_ended(run: Run, import_id: str) -> bool:
    row = await _row(run.reader, run.equipment.service.name, import_id)
    return row is not None and row["state"] != "running"


def _example(entity: str) -> dict[str, Any]:
    files = {f"{entity}.csv": {"entity": entity, "columns": {"Name": "name"}}}
    mapping = {"source": "old-crm", "zone": "Asia/Shanghai", "files": files}
    return {"mapping": json.dumps(mapping), "files": ["Name\n苏州精工制造有限公司\n"], "kind": "history"}


def _add_queries(router: APIRouter, name: str) -> None:
    @router.get("", operation_id=f"list{name}s", responses=problems(400, 403))
    async def list_imports(
        who: Owner, read: Read, about: About, page: PageQuery, state: State | None = None
    ) -> Page[ImportView]:
        """The imports of this service, the newest first."""
        started_at, last_id = page.after or (None, None)
        rows = await read(IMPORTS).fetch(
            f"{_SELECT} and ($3::text is null or i.state = $3)"
            " and ($4::text is null or (i.started_at, i.import_id) < ($4::text::timestamptz, $5::text))"
            " order by i.started_at desc, i.import_id desc limit $6",
            about.service.name, state, started_at, last_id, page.limit + 1,
        )  # fmt: skip
        items = [_view(row) for row in rows[: page.limit]]
        last = (items[-1].started_at, items[-1].import_id) if items else ()
        return page.page(items, last=last, more=len(rows) > page.limit)

    @router.get("/{import_id}", operation_id=f"get{name}", response_model=ImportView, responses=problems(403, 404))
    async def get_import(import_id: ImportPath, who: Owner, read: Read, about: About) -> Response:
        """One import, with how far each of its files is."""
        view = _view(await _find(read, about.service.name, import_id))
        return versioned(view, view.version)

    @router.get(
        "/{import_id}/problems",
        operation_id=f"get{name}Problems",
        response_class=Response,
        responses={**problems(403, 404), 200: {"description": "CSV", "content": {"text/csv": {}}}},
    )
    async def get_problems(import_id: ImportPath, who: Owner, read: Read, about: About) -> Response:
        """The rows refused so far, as CSV: file, row, column, value, reason, nearest known value."""
        row = await _find(read, about.service.name, import_id)
        objects = about.objects.of(who.tenant)
        if row["problems_key"]:
            body = await objects.get(row["problems_key"])
        else:
            body = await gathered(objects, [key for file in row["files"] for key in file["problems"]])
        disposition = f'attachment; filename="import-{import_id}-problems.csv"'
        return Response(body, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


async def _find(read: Any, service: str, import_id: str) -> Any:
    row = await _row(read, service, import_id)
    if row is None:
        raise NotFound("import", import_id)
    return row


async def _row(read: Any, service: str, import_id: str) -> Any:
    """An import's row, or None."""
    return await read(IMPORTS).one(f"{_SELECT} and i.key = $3", service, import_id)


def _view(row: Any) -> ImportView:
    files = [ImportFileView(**{name: file[name] for name in ImportFileView.model_fields}) for file in row["files"]]
    sums = {
        name: sum(getattr(file, name) for file in files) for name in ("rows", "done", "accepted", "repeated", "refused")
    }
    own = {name: row[name] for name in ImportView.model_fields if name not in sums and name != "files"}
    return ImportView(**own, **sums, files=files)


def _mapping(text: bytes, importers: Mapping[str, Importer]) -> MappingDocument:
    try:
        document = parse_mapping(text)
    except MappingUnfit as unfit:
        raise Problem("VALIDATION", "the mapping does not fit", errors=unfit.errors) from unfit
    errors = []
    for name, file in document.files.items():
        importer = importers.get(file.entity)
        if importer is not None:
            errors += check_fields(name, file, importer.fields, importer.required)
            errors += [{"pointer": f"/files/{name}", "message": message} for message in importer.check(file)]
    if errors:
        raise Problem("VALIDATION", "the mapping does not fit", errors=errors[:50])
    return document


async def _contents(
    files: Sequence[UploadFile], document: MappingDocument, importers: Mapping[str, Importer]
) -> dict[str, bytes]:
    """The files by name, in the order in which they are imported: what others refer to comes first."""
    known = [name for name, file in document.files.items() if file.entity in importers]
    found: dict[str, bytes] = {}
    for file in files:
        name = (file.filename or "").replace("\\", "/").rsplit("/", 1)[-1]
        if name not in known:
            raise Problem("VALIDATION", f"the mapping has nothing for {name[:200]!r} here; it has {', '.join(known)}")
        if name in found:
            raise Problem("VALIDATION", f"{name!r} was sent twice")
        if (file.size or 0) > MAX_FILE_BYTES:
            raise Problem("TOO_LARGE", f"{name}: a file may have {MAX_FILE_BYTES // 1024 // 1024} MB")
        found[name] = await file.read()
    return dict(sorted(found.items(), key=lambda one: ORDER.index(document.files[one[0]].entity)))


def _count(name: str, data: bytes, document: MappingDocument) -> int:
    """The number of data rows; raises Problem for a file that does not fit its mapping."""
    try:
        return sum(1 for _ in open_sheet(data, document, document.files[name]).rows())
    except FileUnfit as unfit:
        raise Problem(
            "VALIDATION", f"{name}: {unfit}", errors=[{"pointer": f"/files/{name}", "message": str(unfit)}]
        ) from unfit

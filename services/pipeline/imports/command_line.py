"""`python -m services.pipeline import-crm DIR --mapping FILE`: a whole export over HTTP, people first, deals last."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from libs.events.facts import SERVICES
from libs.service.imports.mapping import MappingDocument, MappingUnfit, parse_mapping
from libs.service.settings import FIRST_PORT

PATHS = {"lead-routing": "/v1/lead-imports", "pipeline": "/v1/imports"}
"""The services in the order in which they import, and where."""
OF_LEAD_ROUTING = frozenset({"people", "leads"})
EXIT_REFUSED = 3
EXIT_FAILED = 1
POLL_SECONDS = 0.2
SILENT_SECONDS = 120.0
TOKEN_SECONDS = 300.0

console = Console()


class Trouble(Exception):
    """The import did not take place, or not whole; said without a traceback."""


@dataclass(slots=True)
class Caller:
    """Who imports: a token from a file, or in development one of the issuer's for a person."""

    token_file: Path | None
    person: str | None
    tenant: str | None
    issuer: str
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=120))
    _token: str = ""
    _until: float = 0.0

    def headers(self) -> dict[str, str]:
        """The head of a request; the token is read anew in a long import."""
        if time.monotonic() > self._until:
            self._token, self._until = self._read(), time.monotonic() + TOKEN_SECONDS
        return {"Authorization": f"Bearer {self._token}"}

    def _read(self) -> str:
        if self.token_file is not None:
            return self.token_file.read_text().strip()
        if not (self.person and self.issuer):
            raise Trouble("say who imports: --token-file, or in development --person with --issuer")
        wanted = {"person": self.person, "tenant": self.tenant}
        answer = self.http.post(f"{self.issuer}/token", json={k: v for k, v in wanted.items() if v})
        if answer.status_code != httpx2.codes.OK:
            raise Trouble(f"{self.issuer} gives no token for {self.person}: {answer.text[:300]}")
        token: str = answer.json()["access_token"]
        return token


@dataclass(slots=True)
class Side:
    """One service's part of an import."""

    service: str
    url: str
    caller: Caller

    def start(self, mapping: bytes, files: Mapping[str, bytes]) -> str:
        """The id of the import of these files: the one that is running already, or a new one."""
        if running := self._running(mapping, files):
            console.print(f"{self.service}: an import of these files is running already; following it")
            return running
        parts: list[Any] = [("mapping", ("mapping.json", mapping, "application/json"))]
        parts += [("files", (name, data, "text/csv")) for name, data in files.items()]
        key = {"Idempotency-Key": str(uuid4())}
        answer = self._ask("POST", "", headers=key, data={"kind": "history"}, files=parts)
        import_id: str = answer.json()["id"]
        return import_id

    def view(self, import_id: str) -> Any:
        """How far it is."""
        return self._ask("GET", f"/{import_id}", missing_is_soon=True).json()

    def problems(self, import_id: str) -> bytes:
        """The lines of its refusals, with their header."""
        return self._ask("GET", f"/{import_id}/problems").content

    def _running(self, mapping: bytes, files: Mapping[str, bytes]) -> str | None:
        wanted = hashlib.sha256(mapping).hexdigest(), {_sha256(data) for data in files.values()}
        for one in self._ask("GET", "?state=running&limit=100").json()["items"]:
            if (one["mapping_sha256"], {file["sha256"] for file in one["files"]}) == wanted:
                return str(one["import_id"])
        return None

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        missing_is_soon: bool = False,
        **more: Any,
    ) -> httpx2.Response:
        """An answer that is none of a refusal. A service that is away for a while is waited for."""
        deadline = time.monotonic() + SILENT_SECONDS
        url = f"{self.url}{PATHS[self.service]}{path}"
        while True:
            try:
                answer = self.caller.http.request(
                    method, url, headers=self.caller.headers() | dict(headers or {}), **more
                )
                soon = answer.status_code == httpx2.codes.NOT_FOUND and missing_is_soon
                if answer.status_code < httpx2.codes.BAD_REQUEST:
                    return answer
                if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE and not soon:
                    raise Trouble(f"{self.service}: {_said(answer)}")
                silence = f"{self.service}: {_said(answer)}"
            except httpx2.TransportError as error:
                silence = f"{self.service} at {self.url} does not answer: {error}"
            if time.monotonic() > deadline:
                raise Trouble(silence)
            time.sleep(POLL_SECONDS)


def add_import_crm(line: typer.Typer) -> None:
    """Add `import-crm` to the pipeline's command line."""

    @line.command("import-crm")
    def import_crm(
        folder: Annotated[Path, typer.Argument(help="folder with the CSV files", exists=True, file_okay=False)],
        mapping: Annotated[Path, typer.Option(help="mapping document, JSON", exists=True, dir_okay=False)],
        token_file: Annotated[Path | None, typer.Option(help="file with a process owner's access token")] = None,
        person: Annotated[str | None, typer.Option(help="person id, for the development issuer")] = None,
        tenant: Annotated[str | None, typer.Option(help="the person's tenant, where it is in several")] = None,
        issuer: Annotated[str, typer.Option(help="development issuer", envvar="SALESLOOM_ISSUER")] = "",
        lead_routing: Annotated[str, typer.Option(help="URL of lead-routing", envvar="LEAD_ROUTING_URL")] = "",
        pipeline: Annotated[str, typer.Option(help="URL of pipeline", envvar="PIPELINE_URL")] = "",
        problems: Annotated[
            Path | None, typer.Option(help="where refusals go; else <source>-problems.csv here")
        ] = None,
    ) -> None:
        """Import a CRM's export. Running it again adds nothing. Exit codes: 0 all taken, 3 rows refused, 1 failed."""
        urls = {"lead-routing": lead_routing, "pipeline": pipeline}
        try:
            text = mapping.read_bytes()
            document = parse_mapping(text)
            caller = Caller(token_file, person, tenant, issuer.rstrip("/"))
            sides = [Side(name, (urls[name] or _usual(name)).rstrip("/"), caller) for name in PATHS]
            refused = _import(sides, folder, document, text, problems or Path(f"{document.source}-problems.csv"))
        except MappingUnfit as unfit:
            for error in unfit.errors:
                console.print(f"[red]{mapping}{error['pointer']}: {error['message']}[/]")
            raise typer.Exit(EXIT_FAILED) from None
        except Trouble as trouble:
            console.print(f"[red]{trouble}[/]")
            raise typer.Exit(EXIT_FAILED) from None
        raise typer.Exit(EXIT_REFUSED if refused else 0)


def _import(sides: list[Side], folder: Path, document: MappingDocument, text: bytes, problems: Path) -> int:
    """Every service's part in its turn; the number of rows refused."""
    if missing := [name for name in document.files if not (folder / name).is_file()]:
        raise Trouble(f"{folder} lacks {', '.join(missing)}, which the mapping names")
    summary = Table("service", "file", "rows", "accepted", "repeated", "refused")
    refused, lines = 0, list[bytes]()
    for side in sides:
        files = {
            name: (folder / name).read_bytes()
            for name, file in document.files.items()
            if (file.entity in OF_LEAD_ROUTING) == (side.service == "lead-routing")
        }
        if not files:
            continue
        import_id = side.start(text, files)
        view = _follow(side, import_id)
        for file in view["files"]:
            counts = (f"{file[name]:,}" for name in ("rows", "accepted", "repeated", "refused"))
            summary.add_row(side.service, file["name"], *counts)
        refused += view["refused"]
        if view["refused"]:
            lines += side.problems(import_id).splitlines(keepends=True)[1 if lines else 0 :]
        if view["state"] == "failed":
            console.print(summary)
            raise Trouble(f"{side.service}: the import failed: {view['why']}")
    console.print(summary)
    if refused:
        problems.write_bytes(b"".join(lines))
        console.print(f"[yellow]{refused:,} rows were refused; the reasons are in {problems}[/]")
    return refused


def _follow(side: Side, import_id: str) -> Any:
    """Show how far it is until it ends; the import then."""
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
    )
    with Progress(*columns, TextColumn("{task.fields[told]}"), TimeRemainingColumn(), console=console) as bar:
        tasks: dict[str, TaskID] = {}
        while True:
            view = side.view(import_id)
            for file in view["files"]:
                name = file["name"]
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=file["rows"], told="")
                told = f"{file['refused']:,} refused" if file["refused"] else ""
                bar.update(tasks[name], completed=file["done"], told=told)
            if view["state"] != "running":
                return view
            time.sleep(POLL_SECONDS)


def _usual(service: str) -> str:
    host = os.environ.get("SALESLOOM_HOST", "127.0.0.1")
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{FIRST_PORT + SERVICES.index(service)}"  # noqa: S104


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _said(answer: httpx2.Response) -> str:
    """What a refusal says, with what to correct."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.text[:300]}"
    errors = "".join(f"\n  {one.get('pointer', '')}: {one.get('message', '')}" for one in problem.get("errors", []))
    return f"{problem.get('detail') or problem.get('title')}{errors}"

"""What an operator is told is what there is: every setting, metric, command and port is on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import typer.main

from libs.events.contracts.documents.files import FOLDER as EVENTS
from libs.events.facts import SERVICES
from libs.service.cli import command_line
from libs.service.guards import PREFIX
from libs.service.settings import Settings
from services.lead_routing.tenants.command_line import tenants_line
from services.pipeline.imports.command_line import add_import_crm
from tests.services import all_services

PAGE = (EVENTS.parent / "operations.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|")]


def first_cells(begin: str) -> set[str]:
    """The names in the first cells of the tables' rows that begin so."""
    return {found[1] for row in ROWS if (found := re.match(rf"\| `({begin}\w+)`", row))}


def metric_names() -> set[str]:
    """Our metrics as Prometheus knows them, of every module of every service."""
    assert all_services()
    found = set()
    for family in prometheus_client.REGISTRY.collect():
        if family.name.startswith("salesloom_"):
            found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return found


def commands(command: Any, path: str = "") -> Iterator[str]:
    """`projections rebuild` and so on."""
    inner = getattr(command, "commands", {})
    for name, one in inner.items():
        yield from commands(one, f"{path} {name}".strip())
    if not inner:
        yield path


def test_every_setting_is_in_the_table_and_nothing_else() -> None:
    assert first_cells(PREFIX) == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields if name != "service"}


def test_defaults_are_those_of_the_code() -> None:
    for name, field in Settings.model_fields.items():
        row = next((row for row in ROWS if row.startswith(f"| `{PREFIX}{name.upper()}`")), "")
        told = row.split("|")[2].strip().strip("`") if row else None
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(default)
        if isinstance(default, str | int) and default and name not in {"service", "port", "health_port"}:
            assert told == str(default), name


def test_every_metric_is_in_the_table_and_nothing_else() -> None:
    assert first_cells("salesloom_") == metric_names()


@pytest.mark.parametrize("service", all_services(), ids=lambda service: service.name)
def test_every_command_is_on_the_page(service) -> None:  # type: ignore[no-untyped-def]
    line = command_line(service)
    if service.name == "lead-routing":
        line.add_typer(tenants_line(lambda: Settings(service=service.name)), name="tenants")
    if service.name == "pipeline":
        add_import_crm(line)
    told, there = " ".join(re.findall(r"`([^`]+)`", "\n".join(ROWS))), list(commands(typer.main.get_command(line)))
    assert "projections rebuild" in there
    assert [name for name in there if name not in told] == []


def test_the_ports_of_the_table_are_those_that_are_listened_on() -> None:
    for name in SERVICES:
        settings = Settings(service=name, environment="development")
        assert f"| {name} | {settings.port} | {settings.health_port} |" in ROWS


def test_links_inside_the_page_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
    assert all((EVENTS.parent / link).exists() for link in re.findall(r"\]\(([^#)]+)\)", PAGE) if "://" not in link)
    assert Path("docs/operations.md").exists()

"""What the documents say is so: tests and folders they name exist, links lead somewhere, the tour can be walked."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dev.clients import Clients
from dev.day.cast import open_the_office, publish_the_routing_policy
from dev.places import ROOT
from dev.ports import service_ports

CODES = (
    *range(1, 5), *range(6, 9), *range(11, 22), *range(23, 45), 47, 48, *range(50, 59),
    *range(61, 71), *range(74, 85), 88, 89, *range(93, 99),
)  # fmt: skip
"""What the product is required to do, as numbers of `S-…`."""
PROMISES = range(1, 11)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
FOLDER = re.compile(r"`((?:libs|services|dev|tests)(?:/\w+)*)`")


def text_of(name: str) -> str:
    """A document of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[Path]:
    """Every document."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@cache
def written_in(file: Path) -> frozenset[str]:
    """The test functions of a file; none if it does not exist."""
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def anchors(text: str) -> set[str]:
    """What headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing_tests(text: str) -> list[str]:
    """The named tests that do not exist."""
    return [f"{file}::{name}" for file, name in TEST.findall(text) if name not in written_in(ROOT / file)]


@pytest.mark.parametrize("name", ["docs/guarantees.md", "docs/coverage.md"])
def test_every_named_test_exists(name: str) -> None:
    assert TEST.search(text_of(name))
    assert missing_tests(text_of(name)) == []


def test_a_test_that_does_not_exist_is_found() -> None:
    """The check can fail."""
    wrong = "`tests/test_documents.py::test_nobody_wrote`"
    assert missing_tests(wrong) == [wrong.strip("`")]


def test_each_promise_says_what_shows_it() -> None:
    parts = re.split(r"^### (\d+)\. ", text_of("docs/guarantees.md"), flags=re.MULTILINE)
    told = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    assert sorted(told) == list(PROMISES)
    assert [number for number, text in told.items() if not TEST.search(text) and "Not yet" not in text] == []


def test_every_required_thing_has_one_row() -> None:
    rows = [line.split("|")[1:5] for line in text_of("docs/coverage.md").splitlines() if line.startswith("| S-")]
    assert [int(code.strip().removeprefix("S-")) for code, *_ in rows] == list(CODES)
    for code, what, where, shown in rows:
        assert what.strip(), code
        assert TEST.search(shown) or "not yet" in shown, f"{code} shows neither a test nor says not yet"
        assert FOLDER.search(where) or "not yet" in shown, f"{code} is nowhere and does not say not yet"


def test_every_named_folder_exists() -> None:
    for name in ("docs/coverage.md", "docs/architecture.md", "CONTRIBUTING.md"):
        assert [folder for folder in FOLDER.findall(text_of(name)) if not (ROOT / folder).is_dir()] == []


def test_every_link_leads_somewhere() -> None:
    broken = []
    for document in documents():
        prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in LINK.findall(prose):
            if re.match(r"https?:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            found = target.exists() and (
                not anchor or target.suffix != ".md" or anchor in anchors(target.read_text(encoding="utf-8"))
            )
            broken += [] if found else [f"{document.relative_to(ROOT)}: {link}"]
    assert broken == []


def test_the_tour_can_be_walked(product: Any, clients: Clients, tmp_path: Path) -> None:
    """Every line of it, as it stands in README.md, on other ports and in another tenant."""
    open_the_office(clients)
    publish_the_routing_policy(clients)
    script = re.search(r"```bash\n(.*?)```", text_of("README.md"), re.DOTALL)
    assert script
    lines = script[1].replace("TENANT=demo42day1", f"TENANT={clients.tenant}")
    lines = lines.replace("localhost:8000", product.issuer)
    for name, (port, _) in service_ports().items():
        lines = lines.replace(f"localhost:{port.number}", product.url(name))
    done = subprocess.run(["bash"], input=lines, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    answers = done.stdout.splitlines()
    assert "lead-capture-repeated.v1" in done.stdout
    assert '"winner":"mei-lin"' in done.stdout
    assert sum('"code":"RULE_VIOLATION"' in line for line in answers) == 1
    assert sum("requirement-satisfied.v1" in line for line in answers) == 3
    visits, funnel = answers[-2:]
    assert '"entered_how":"advanced"' in visits
    assert '"stage":"solution_design"' in visits
    assert '"group":"mei-lin"' in funnel
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []

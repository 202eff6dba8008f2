"""A file is named for one meaning, and says in its first line what it is for."""

from __future__ import annotations

import ast

from dev.places import ROOT

FOLDERS = ("bench", "deploy", "dev", "libs", "services", "tests")
CATCH_ALLS = {"base", "common_utils", "helper", "helpers", "misc", "tools", "util", "utils"}
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = [path for path in SOURCES if CATCH_ALLS & {part.removesuffix(".py") for part in path.parts[-2:]}]
    assert not drawers, "name each of these for the one thing it is about"


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent

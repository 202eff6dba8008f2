"""`/problems`: what every code means and how to go on, for people and programs; open to everybody."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from libs.service.languages import preferred
from libs.service.problems import PROBLEMS, Problem

router = APIRouter(tags=["problems"])


@router.get("/problems", operation_id="listProblems")
async def list_problems(request: Request) -> list[dict[str, Any]]:
    """All codes of this service, by status."""
    language = preferred(request.headers.get("accept-language"))
    return [code.document(language) for code in PROBLEMS]


@router.get("/problems/{code}", operation_id="showProblem", responses=PROBLEMS(404))
async def show_problem(request: Request, code: Annotated[str, Path(max_length=80)]) -> dict[str, Any]:
    """One code."""
    if code not in PROBLEMS:
        raise Problem("NOT_FOUND", "no problem has this code")
    return PROBLEMS[code].document(preferred(request.headers.get("accept-language")))

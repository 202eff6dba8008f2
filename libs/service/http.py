"""What the `api.py` of a capability imports: bodies, answers, guards, and how it reads and runs commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from libs.events.deciding import Command
from libs.service.auth import Person, allowed
from libs.service.commands import Accepted, Foreseen, Run
from libs.service.pagination import Page, PageQuery
from libs.service.problems import PROBLEMS as problems  # noqa: N811 - reads as a word: responses=problems(404, 409)
from libs.service.problems import Problem
from libs.service.reading import Read, versioned

__all__ = [
    "Accepted",
    "Body",
    "Foreseen",
    "Page",
    "PageQuery",
    "Person",
    "Problem",
    "Read",
    "Run",
    "View",
    "allowed",
    "problems",
    "versioned",
]


class Body(Command):
    """The JSON body of a request: frozen; unknown fields, NaN, NUL and lone surrogates are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_max_length=10_000)


class View(BaseModel):
    """What a query answers: frozen; of a row it takes what it shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """A row of a read model as people see it."""
        return cls.model_validate(dict(row))

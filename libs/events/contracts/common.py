"""Values that facts of several services hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from libs.events.facts import Value

Identity = Annotated[str, Field(min_length=1, max_length=80)]
"""An id of a lead, person, opportunity, …; opaque to readers."""
Label = Annotated[str, Field(max_length=200)]
Note = Annotated[str, Field(max_length=10_000)]
Tier = Literal["A", "B", "C", "D"]
Role = Literal["rep", "manager", "director", "process-owner", "integration", "operator", "auditor"]


class Elapsed(Value):
    """A duration in the three clocks, in whole seconds."""

    wall: int
    workday: int
    business: int


class Subject(Value):
    """What something is about: `lead`, `opportunity`, `handoff`, `account`, … and its id."""

    type: Label
    id: Identity

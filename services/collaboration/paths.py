"""Ids in the paths of this service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from libs.events.deciding import Id

HandoffPath = Annotated[Id, Path(description="The handoff's id")]
ClarificationPath = Annotated[Id, Path(description="The question's id")]
TodoPath = Annotated[Id, Path(description="The to-do's id")]

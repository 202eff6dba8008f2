"""Ids in the paths of this service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from libs.events.deciding import Id

LeadPath = Annotated[Id, Path(description="The lead's id")]
RepPath = Annotated[Id, Path(description="The person's id, as access tokens name it")]
LeavePath = Annotated[Id, Path(description="The leave's id")]
PoolPath = Annotated[Id, Path(description="The pool's id")]
CalendarPath = Annotated[Id, Path(description="The calendar's id")]

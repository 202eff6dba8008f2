"""What the routes of this service have in common: ids in paths, and groups of roles."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from libs.events.deciding import Id
from libs.service.auth import ROLES

LeadPath = Annotated[Id, Path(description="The lead's id")]
RepPath = Annotated[Id, Path(description="The person's id, as access tokens name it")]
PoolPath = Annotated[Id, Path(description="The pool's id")]
CalendarPath = Annotated[Id, Path(description="The calendar's id")]

EVERYBODY = tuple(sorted(ROLES))
WORKERS = ("rep", "manager", "director")
LEADERS = ("manager", "director", "process-owner")
ADMINISTRATORS = ("process-owner", "operator")

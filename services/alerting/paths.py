"""Ids in the paths of this service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from libs.events.deciding import Id

AlertPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", description="The alert's id")]
WebhookPath = Annotated[Id, Path(description="The webhook's id")]

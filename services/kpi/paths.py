"""Ids in the paths of this service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from services.kpi.process_health.months import Code

OpportunityPath = Annotated[str, Path(max_length=80, description="The deal")]
PersonPath = Annotated[str, Path(max_length=80, description="A person")]
CodePath = Annotated[Code, Path(description="A metric")]

"""Ids in the paths of this service."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from libs.events.deciding import Id

OpportunityPath = Annotated[Id, Path(description="The opportunity's id")]
RequirementPath = Annotated[Id, Path(description="The requirement's code")]
AccountPath = Annotated[Id, Path(description="The account's id")]
ProductPath = Annotated[Id, Path(description="The product's id")]

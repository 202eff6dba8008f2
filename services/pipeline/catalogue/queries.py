"""What decisions and lists ask of accounts and products."""

from __future__ import annotations

from datetime import datetime

from libs.events.deciding import Command
from libs.events.reading import Reader, View
from libs.events.running import Request
from services.pipeline.catalogue.domain import Catalogue
from services.pipeline.catalogue.projections import ACCOUNTS, PRODUCTS

MAX_SUGGESTED = 5_000


async def catalogue(reader: Reader, request: Request, command: Command, now: datetime) -> Catalogue:
    """The provider of `given[Catalogue]`: names to suggest from, only where the command's own ids are not known."""
    return Catalogue(
        accounts=await _names(reader(ACCOUNTS), "accounts", "account_id", getattr(command, "account_id", None)),
        products=await _names(reader(PRODUCTS), "products", "product_id", getattr(command, "product_id", None)),
    )


async def _names(view: View, table: str, identity: str, wanted: str | None) -> dict[str, str]:
    if wanted is None or await view.value(f"select true from {table} where tenant = $1 and key = $2", wanted):
        return {}
    rows = await view.fetch(f"select {identity}, name from {table} where tenant = $1 limit $2", MAX_SUGGESTED)
    return {row[identity]: row["name"] for row in rows}

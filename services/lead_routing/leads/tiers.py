"""The tier rule as data: the first row whose conditions hold gives a lead its tier (S-1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.events.contracts.common import Tier
from libs.events.contracts.lead_routing import Dimension
from libs.events.deciding import Line
from libs.rules.documents import RuleKind, register_kind

TIER_KIND = "tier-policy"
DEFAULT_TIERS_ID = "tier-default"

Values = Annotated[tuple[Line, ...], Field(min_length=1, max_length=200)]


class TierRow(BaseModel):
    """Leads whose tags have one of the values in every named dimension get this tier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: Tier
    when: Annotated[dict[Dimension, Values], Field(max_length=5)] = {}

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Whether every named dimension has one of its values."""
        return all(tags.get(dimension) in values for dimension, values in self.when.items())


class TierPolicy(BaseModel):
    """A table: rows from the top, the first that holds decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Annotated[tuple[TierRow, ...], Field(max_length=200)] = (
        TierRow(tier="A", when={"budget": (">2m",)}),
        TierRow(tier="A", when={"budget": ("500k-2m",), "interaction": ("hot", "warm")}),
        TierRow(tier="B", when={"budget": ("500k-2m",)}),
        TierRow(tier="B", when={"budget": ("100k-500k",), "interaction": ("hot",)}),
        TierRow(tier="C", when={"budget": ("100k-500k",)}),
    )
    otherwise: Tier = "D"

    def tier_of(self, tags: Mapping[str, str]) -> Tier:
        """The tier of a lead with these tags."""
        return next((row.tier for row in self.rows if row.holds(tags)), self.otherwise)


TIER_POLICY = register_kind(
    RuleKind(
        TIER_KIND,
        TierPolicy,
        DEFAULT_TIERS_ID,
        TierPolicy().model_dump(mode="json"),
        default_name="Tier by budget and interaction",
    )
)

"""The routing policy as data: weights, windows and the chain of those who take over (domain.md 4.1, 3.1.7)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.events.contracts.common import Tier
from libs.events.contracts.lead_routing import Dimension
from libs.events.deciding import Id, Line
from libs.rules.documents import Finding, RuleKind, register_kind

POLICY_KIND = "routing-policy"
DEFAULT_POLICY_ID = "routing-default"

Share = Annotated[Decimal, Field(ge=0, le=1, decimal_places=4)]
Days = Annotated[int, Field(ge=0, le=365)]
Minutes = Annotated[int, Field(ge=0, le=10_000)]
Names = Annotated[tuple[Line, ...], Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Weights(_Part):
    """How much each dimension counts in the match; they add up to 1."""

    industry: Share = Decimal("0.30")
    budget: Share = Decimal("0.20")
    interaction: Share = Decimal("0.15")
    region: Share = Decimal("0.20")
    product: Share = Decimal("0.15")

    def of(self, dimension: Dimension) -> Decimal:
        """The weight of one dimension."""
        weight: Decimal = getattr(self, dimension)
        return weight

    @model_validator(mode="after")
    def _whole(self) -> Weights:
        if self.industry + self.budget + self.interaction + self.region + self.product != 1:
            raise ValueError("the weights of the five dimensions add up to 1")
        return self


class ScoreWeights(_Part):
    """How much match, headroom and fairness count in the score; they add up to 1."""

    match: Share = Decimal("0.65")
    headroom: Share = Decimal("0.20")
    fairness: Share = Decimal("0.15")

    @model_validator(mode="after")
    def _whole(self) -> ScoreWeights:
        if self.match + self.headroom + self.fairness != 1:
            raise ValueError("the weights of match, headroom and fairness add up to 1")
        return self


class PerTier(_Part):
    """Business minutes by tier; a lead without a tier counts as D."""

    A: Minutes
    B: Minutes
    C: Minutes
    D: Minutes

    def of(self, tier: Tier | None) -> timedelta:
        """The duration for a tier."""
        minutes: int = getattr(self, tier or "D")
        return timedelta(minutes=minutes)


class TierBonus(_Part):
    """The priority that an incentive tier earns on leads of tier A, while match and share stay within bounds (S-8)."""

    by_incentive: Annotated[tuple[Share, ...], Field(min_length=1, max_length=10)] = (
        Decimal(0),
        Decimal("0.05"),
        Decimal("0.08"),
        Decimal("0.10"),
    )
    match_within: Share = Decimal("0.10")
    share_limit: Annotated[Decimal, Field(ge=0, le=10)] = Decimal("1.5")


class Overflow(_Part):
    """Who takes over once a hold has passed: further teams in order, then a person, then a pool."""

    teams: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    manager_id: Id | None = None


class Protection(_Part):
    """Natural days for which a lead is safe with its rep: at first, more for each substantive act, and at most."""

    days: Days = 10
    extension_days: Days = 3
    max_days: Days = 20


class RoutingPolicy(_Part):
    """How leads find their rep. `teams`: who is asked first (none: everybody). `pool_id`: where the rest waits."""

    teams: Annotated[tuple[Id, ...], Field(max_length=50)] = ()
    channels: Annotated[dict[Line, Literal["auto", "pool"]], Field(max_length=100)] = {}
    pool_id: Id | None = None
    weights: Weights = Weights()
    score: ScoreWeights = ScoreWeights()
    tie_within: Share = Decimal("0.005")
    bonus: TierBonus = TierBonus()
    accept_minutes: PerTier = PerTier(A=120, B=240, C=450, D=450)
    hold_minutes: PerTier = PerTier(A=60, B=240, C=480, D=480)
    enrichment_minutes: Minutes = 15
    known_dimensions: Annotated[int, Field(ge=0, le=5)] = 3
    leave_notice_minutes: Minutes = 240
    overflow: Overflow = Overflow()
    protection: Protection = Protection()
    cool_down_days: Days = 30
    credit_back_reasons: Names = ("conflict_of_interest", "wrong_territory", "duplicate")
    exclusive_territories: Annotated[
        dict[Line, Annotated[tuple[Id, ...], Field(max_length=200)]], Field(max_length=200)
    ] = {}
    budget_bands: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)] = (
        "<100k",
        "100k-500k",
        "500k-2m",
        ">2m",
    )
    max_weighted_load: Annotated[Decimal, Field(gt=0, le=10_000)] = Decimal(30)
    daily_new_cap: Annotated[int, Field(ge=0, le=1_000)] = 10
    ramp: Annotated[tuple[Annotated[Decimal, Field(gt=0, le=1)], ...], Field(max_length=52)] = (
        Decimal("0.25"),
        Decimal("0.50"),
        Decimal("0.75"),
    )
    lead_weight: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(1)
    stage_weights: Annotated[dict[Line, Annotated[Decimal, Field(ge=0, le=100)]], Field(max_length=100)] = {
        "demand_diagnosis": Decimal("1.5"),
        "solution_design": Decimal("1.5"),
        "quotation": Decimal("1.5"),
    }

    def load_of_stage(self, stage: str) -> Decimal:
        """How much a deal in this stage weighs on its owner; 1 where nothing else is said."""
        return self.stage_weights.get(stage, Decimal(1))

    def goes_to_pool(self, channel: str) -> bool:
        """Whether leads of a channel wait in the pool instead of being assigned."""
        return self.pool_id is not None and self.channels.get(channel, "auto") == "pool"


def lint(policy: RoutingPolicy) -> list[Finding]:
    """What would not work as written."""
    found = []
    if policy.pool_id is None and "pool" in policy.channels.values():
        found.append(Finding(path="pool_id", message="a channel goes to the pool, but no pool is named"))
    if policy.pool_id is None:
        why = "no pool is named: a lead that nobody can take stays on hold"
        found.append(Finding(severity="warning", path="pool_id", message=why))
    if not any((policy.pool_id, policy.overflow.teams, policy.overflow.manager_id)):
        why = "nobody takes over when the teams are full"
        found.append(Finding(severity="warning", path="overflow", message=why))
    return found


ROUTING_POLICY = register_kind(
    RuleKind(
        POLICY_KIND,
        RoutingPolicy,
        DEFAULT_POLICY_ID,
        RoutingPolicy().model_dump(mode="json"),
        lint=lint,
        default_name="Best fit, fairly shared",
    )
)

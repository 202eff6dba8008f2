"""How well a rep fits a lead in each of the five dimensions, from 0 to 1 (domain.md 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from libs.events.contracts.common import Tier
from services.lead_routing.routing.policy import RoutingPolicy

FULL, SAME_SECTOR, ADJACENT, NEUTRAL, REMOTE, NONE = (Decimal(n) for n in ("1", "0.5", "0.6", "0.5", "0.2", "0"))
Skills = Mapping[str, Decimal]
"""The values of one dimension that a rep knows, each with its strength."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a lead asks for. `tags` holds only the dimensions that are known."""

    lead_id: str
    tier: Tier | None
    tags: Mapping[str, str]


def fits(
    wanted: Wanted, skills: Mapping[str, Skills], *, knows_company: bool, policy: RoutingPolicy
) -> dict[str, Decimal]:
    """The fit in every dimension that is known of the lead. A skill's strength weakens the fit it gives."""
    found = {}
    for dimension, value in wanted.tags.items():
        if dimension == "interaction" and knows_company:
            found[dimension] = FULL
        else:
            found[dimension] = _fit(dimension, value, skills.get(dimension, {}), policy)
    return found


def _fit(dimension: str, value: str, known: Skills, policy: RoutingPolicy) -> Decimal:
    match dimension:
        case "industry":
            return _best(known, partial(_industry, value))
        case "budget":
            return _best(known, partial(_budget, policy.budget_bands, value))
        case "region":
            return _best(known, partial(_region, value))
        case "interaction":
            return _interaction(value, known)
        case "product":
            return _product(value, known)
        case _:
            return NONE


def _best(skills: Skills, fit: Callable[[str], Decimal]) -> Decimal:
    return max((fit(own) * strength for own, strength in skills.items()), default=NONE)


def _industry(wanted: str, own: str) -> Decimal:
    """Industries are written `sector/industry`: 1 the same, 0.5 the same sector, 0.2 for a generalist."""
    if wanted == own:
        return FULL
    if _first(wanted) == _first(own):
        return SAME_SECTOR
    return REMOTE if own == "generalist" else NONE


def _budget(bands: tuple[str, ...], wanted: str, own: str) -> Decimal:
    """1 inside the band the rep has proven, 0.6 beside it, 0.2 two away."""
    if wanted == own:
        return FULL
    if wanted not in bands or own not in bands:
        return NONE
    return {1: ADJACENT, 2: REMOTE}.get(abs(bands.index(wanted) - bands.index(own)), NONE)


def _interaction(wanted: str, profile: Skills) -> Decimal:
    """A hunter fits cold customers, a farmer hot ones; otherwise 0.5."""
    at_home = {"cold": "hunter", "hot": "farmer"}.get(wanted)
    return FULL if at_home in profile else NEUTRAL


def _region(wanted: str, own: str) -> Decimal:
    """Regions are written `province/city`: 1 inside the territory, 0.5 in its province, 0.2 if remote is allowed."""
    if wanted == own or wanted.startswith(f"{own}/"):
        return FULL
    if _first(wanted) == _first(own):
        return SAME_SECTOR
    return REMOTE if own == "remote" else NONE


def _product(wanted: str, skills: Skills) -> Decimal:
    """Weighted Jaccard: what the lead's products (separated by commas) and the rep's have in common."""
    lead = {name.strip(): FULL for name in wanted.split(",") if name.strip()}
    names = lead.keys() | skills.keys()
    both = sum((min(lead.get(name, NONE), skills.get(name, NONE)) for name in names), NONE)
    either = sum((max(lead.get(name, NONE), skills.get(name, NONE)) for name in names), NONE)
    return both / either if either else NONE


def _first(path: str) -> str:
    return path.split("/", 1)[0]

"""A pool with its rules, and what reps have claimed from it on a day, as far as decisions need it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from libs.events.contracts.lead_routing import ClaimCounted, PoolCreated, PoolRulesPublished
from libs.events.deciding import StreamKind
from services.lead_routing.routing.policy import Protection

PROTECTION = Protection()


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """How leads may be claimed; version 0 is what holds until a pool has rules of its own."""

    version: int = 0
    claims_per_day: int = 5
    cool_down_days: int = 30
    protection: Protection = PROTECTION


@dataclass(frozen=True, slots=True)
class Pool:
    """`members` may claim (none: everybody); `zone` is where its days begin."""

    name: str = ""
    zone: str = "UTC"
    members: frozenset[str] = frozenset()
    rules: ClaimRules = ClaimRules()


def evolve_pool(pool: Pool, fact: Any) -> Pool:
    """What a fact changes of a pool."""
    match fact:
        case PoolCreated():
            return replace(pool, name=fact.name, zone=fact.zone, members=frozenset(fact.members))
        case PoolRulesPublished():
            protection = Protection(
                days=fact.protection_days,
                extension_days=fact.protection_extension_days,
                max_days=fact.protection_max_days,
            )
            rules = ClaimRules(fact.version, fact.claims_per_day, fact.cool_down_days, protection)
            return replace(pool, rules=rules)
        case _:
            return pool


@dataclass(frozen=True, slots=True)
class Claims:
    """How many leads a rep has claimed in a pool on a day."""

    used: int = 0


def evolve_claims(claims: Claims, fact: Any) -> Claims:
    """Each counted claim uses one."""
    match fact:
        case ClaimCounted():
            return Claims(claims.used + 1)
        case _:
            return claims


POOL = StreamKind("pool", Pool(), evolve_pool)
CLAIMS = StreamKind("claims", Claims(), evolve_claims)

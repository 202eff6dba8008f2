"""The pools with their rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.events.contracts.lead_routing import PoolCreated, PoolRulesPublished
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from services.lead_routing.pools.pool import Pool, evolve_pool


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool; the rules are the shipped ones until it has its own."""

    pool_id: str
    version: int
    name: str
    zone: str
    members: list[str]
    rules_version: int
    claims_per_day: int
    cool_down_days: int
    protection_days: int
    protection_extension_days: int
    protection_max_days: int


def keys(fact: Any) -> list[str]:
    """One pool is one key, and one stream."""
    return [fact.pool_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[PoolRow]:
    """The pool after one more fact."""
    row = group.one(PoolRow)
    before = Pool(row.name, row.zone, frozenset(row.members)) if row else Pool()
    pool = evolve_pool(before, recorded.fact)
    return [
        PoolRow(
            pool_id=recorded.fact.pool_id,
            version=recorded.version,
            name=pool.name,
            zone=pool.zone,
            members=sorted(pool.members),
            rules_version=pool.rules.version,
            claims_per_day=pool.rules.claims_per_day,
            cool_down_days=pool.rules.cool_down_days,
            protection_days=pool.rules.protection.days,
            protection_extension_days=pool.rules.protection.extension_days,
            protection_max_days=pool.rules.protection.max_days,
        )
    ]


POOLS = Projection(
    name="pools",
    version=1,
    reads=(PoolCreated, PoolRulesPublished),
    tables=(Table("pools", PoolRow, indexes=(("pool_id",),)),),
    keys=keys,
    fold=fold,
)

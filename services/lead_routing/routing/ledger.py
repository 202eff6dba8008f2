"""What a routing policy remembers of its assignments: credits, turns, and who had the recent leads (4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from libs.events.contracts.lead_routing import RoutingSettled
from libs.events.deciding import StreamKind

RECENT = 200
NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Ledger:
    """`recent` are the winners of the last automatic assignments, at most 200."""

    credits: Mapping[str, Decimal] = field(default_factory=dict)
    last_assigned: Mapping[str, datetime] = field(default_factory=dict)
    recent: tuple[str, ...] = ()

    def share(self, rep_id: str) -> Decimal:
        """The part of the recent automatic assignments that a rep had, from 0 to 1."""
        return Decimal(self.recent.count(rep_id)) / len(self.recent) if self.recent else NONE


def evolve(ledger: Ledger, fact: Any) -> Ledger:
    """What a settlement changes."""
    match fact:
        case RoutingSettled(cause="returned"):
            return replace(ledger, credits={**ledger.credits, **fact.credits})
        case RoutingSettled():
            return Ledger(
                {**ledger.credits, **fact.credits},
                {**ledger.last_assigned, fact.winner: fact.settled_at},
                (*ledger.recent, fact.winner)[-RECENT:],
            )
        case _:
            return ledger


ROUTING = StreamKind("routing", Ledger(), evolve)

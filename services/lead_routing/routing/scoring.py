"""Who fits a lead best: the formula of domain.md 4.1, in Decimal, without chance; pure and repeatable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

from libs.events.contracts.common import Tier
from libs.events.contracts.lead_routing import Candidate
from services.lead_routing.routing.policy import RoutingPolicy

NONE, HALF, ONE, MOST = Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2)
FOUR, SIX = Decimal("0.0001"), Decimal("0.000001")
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All candidates as they were seen and scored, the winner (None: all were filtered), and what broke a tie."""

    candidates: tuple[Candidate, ...]
    winner: str | None
    tie_break: str | None = None


def evaluate(candidates: Iterable[Candidate], lead_id: str, tier: Tier | None, policy: RoutingPolicy) -> Evaluation:
    """Score the candidates that no filter took out, and name the best.

    Only what a candidate is before scoring counts (filters, fits, load, capacity, credit, weight, incentive, share,
    last assignment): the candidates of a stored RoutingEvaluated give the same answer again.
    """
    seen = list(candidates)
    eligible = [one for one in seen if not one.filters]
    if not eligible:
        return Evaluation(tuple(seen), None)
    matches = {one.rep_id: match(one.fits, policy) for one in eligible}
    best_match = max(matches.values())
    all_weights = sum((one.weight for one in eligible), NONE)
    scored = {}
    for one in eligible:
        bonus = _bonus(one, matches[one.rep_id], best_match, one.weight / all_weights, tier, policy)
        scored[one.rep_id] = _scored(one, matches[one.rep_id], bonus, policy)
    winner, tie_break = _winner(list(scored.values()), lead_id, policy)
    return Evaluation(tuple(scored.get(one.rep_id, one) for one in seen), winner, tie_break)


def match(fits: Mapping[str, Decimal], policy: RoutingPolicy) -> Decimal:
    """M: the weighted mean of the fits in the dimensions that are known; 0 if none is."""
    weights = {dimension: getattr(policy.weights, dimension) for dimension in fits}
    known = sum(weights.values(), NONE)
    return sum((weights[dimension] * fit for dimension, fit in fits.items()), NONE) / known if known else NONE


def settle(candidates: Sequence[Candidate], winner: str) -> dict[str, Decimal]:
    """The credits afterwards: every eligible rep gains weight / all weights, the winner pays 1; within [-2, 2]."""
    eligible = [one for one in candidates if not one.filters]
    all_weights = sum((one.weight for one in eligible), NONE)
    return {
        one.rep_id: _within(one.credit + one.weight / all_weights - (ONE if one.rep_id == winner else NONE))
        for one in eligible
    }


def returned(credit: Decimal) -> Decimal:
    """The credit of a winner who gets the 1 back."""
    return _within(credit + ONE)


def newcomers_credit(known: Mapping[str, Decimal], group: Iterable[str]) -> Decimal:
    """Where a new rep begins: at the median of the group, so that no flood of leads makes up for the past (3.1.7)."""
    theirs = [known[one] for one in group if one in known]
    return _within(median(theirs)) if theirs else NONE


def _scored(one: Candidate, matched: Decimal, bonus: Decimal, policy: RoutingPolicy) -> Candidate:
    headroom = ONE - one.load / one.capacity if one.capacity else NONE
    fairness = max(NONE, min(ONE, HALF + one.credit / 4))
    weights = policy.score
    score = weights.match * matched + weights.headroom * headroom + weights.fairness * fairness + bonus
    return one.model_copy(
        update={
            "match": _rounded(matched),
            "headroom": _rounded(headroom),
            "fairness": _rounded(fairness),
            "bonus": bonus,
            "score": _rounded(score),
        }
    )


def _bonus(
    one: Candidate, matched: Decimal, best_match: Decimal, fair_share: Decimal, tier: Tier | None, policy: RoutingPolicy
) -> Decimal:
    rule = policy.bonus
    deserved = tier == "A" and matched >= best_match - rule.match_within and one.share <= rule.share_limit * fair_share
    return rule.by_incentive[min(one.incentive, len(rule.by_incentive) - 1)] if deserved else NONE


def _winner(scored: Sequence[Candidate], lead_id: str, policy: RoutingPolicy) -> tuple[str, str | None]:
    """Within a hair's breadth of the best: more credit, then longest without a lead, then the smaller digest."""
    best = max(_score(one) for one in scored)
    close = [one for one in scored if best - _score(one) <= policy.tie_within]
    if len(close) == 1:
        return close[0].rep_id, None
    credit = max(one.credit for one in close)
    richest = [one for one in close if one.credit == credit]
    if len(richest) == 1:
        return richest[0].rep_id, "credit"
    since = min(one.last_assigned_at or NEVER for one in richest)
    waiting = [one for one in richest if (one.last_assigned_at or NEVER) == since]
    if len(waiting) == 1:
        return waiting[0].rep_id, "last-assigned"
    return min(waiting, key=lambda one: _digest(lead_id, one.rep_id)).rep_id, "digest"


def _score(one: Candidate) -> Decimal:
    return one.score if one.score is not None else NONE


def _digest(lead_id: str, rep_id: str) -> str:
    return hashlib.sha256(f"{lead_id}\n{rep_id}".encode()).hexdigest()


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(FOUR, ROUND_HALF_UP)


def _within(credit: Decimal) -> Decimal:
    return max(-MOST, min(MOST, credit)).quantize(SIX, ROUND_HALF_UP)

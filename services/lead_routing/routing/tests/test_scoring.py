"""The assignment score (4.1): worked example, ties, bonus, and the same answer every time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from libs.events.contracts.lead_routing import Candidate
from services.lead_routing.routing.policy import RoutingPolicy
from services.lead_routing.routing.scoring import evaluate, newcomers_credit, settle
from services.lead_routing.tests.scenes import NOON

POLICY = RoutingPolicy()


def candidate(rep_id: str, fit: str = "0.8", load: str = "0", credit: str = "0", **more: object) -> Candidate:
    return Candidate.model_validate(
        {"rep_id": rep_id, "fits": {"industry": fit}, "load": load, "capacity": "30", "credit": credit, **more}
    )


def test_within_a_hairs_breadth_the_higher_credit_wins() -> None:
    """4.1"""
    found = evaluate([candidate("li", credit="0.10"), candidate("wang", credit="0.05")], "lead", "B", POLICY)
    assert (found.winner, found.tie_break) == ("li", "credit")


def test_a_difference_of_more_than_a_hairs_breadth_is_no_tie() -> None:
    """4.1"""
    found = evaluate([candidate("li", fit="0.80"), candidate("wang", fit="0.81", credit="-0.01")], "lead", "B", POLICY)
    assert (found.winner, found.tie_break) == ("wang", None)


def test_with_equal_credit_the_longer_wait_wins_and_who_never_had_a_lead_waits_longest() -> None:
    """4.1"""
    early, late = NOON - timedelta(days=2), NOON - timedelta(days=1)
    tied = [candidate("li", last_assigned_at=late), candidate("wang", last_assigned_at=early)]
    assert evaluate(tied, "lead", "B", POLICY).winner == "wang"
    found = evaluate([*tied, candidate("chen")], "lead", "B", POLICY)
    assert (found.winner, found.tie_break) == ("chen", "last-assigned")


def test_a_full_tie_is_broken_by_the_digest_so_that_different_leads_go_to_different_reps() -> None:
    """4.1"""
    tied = [candidate(rep_id) for rep_id in ("li", "wang", "chen")]
    winners = {evaluate(tied, f"lead-{number}", "B", POLICY).winner for number in range(30)}
    assert winners == {"li", "wang", "chen"}
    assert evaluate(tied, "lead-1", "B", POLICY).winner == evaluate(tied[::-1], "lead-1", "B", POLICY).winner


def test_the_incentive_tier_decides_a_tie_on_a_lead_of_tier_a_only() -> None:
    """3.1.8-10"""
    ordinary, tiered = candidate("li", credit="0.01"), candidate("wang", incentive=2)
    for_a = evaluate([ordinary, tiered], "lead", "A", POLICY)
    assert for_a.winner == "wang"
    assert {one.rep_id: one.bonus for one in for_a.candidates} == {"li": Decimal(0), "wang": Decimal("0.08")}
    for_c = evaluate([ordinary, tiered], "lead", "C", POLICY)
    assert for_c.winner == "li"
    assert all(one.bonus == 0 for one in for_c.candidates)


def test_there_is_no_bonus_for_a_match_far_below_the_best() -> None:
    """3.1.8-10"""
    near = evaluate([candidate("li", fit="0.8"), candidate("wang", fit="0.70", incentive=2)], "lead", "A", POLICY)
    far = evaluate([candidate("li", fit="0.8"), candidate("wang", fit="0.69", incentive=2)], "lead", "A", POLICY)
    assert [one.bonus for one in near.candidates] == [0, Decimal("0.08")]
    assert [one.bonus for one in far.candidates] == [0, 0]


def test_there_is_no_bonus_beyond_one_and_a_half_fair_shares() -> None:
    """3.1.8-10"""
    within = evaluate([candidate("li"), candidate("wang", incentive=2, share="0.75")], "lead", "A", POLICY)
    beyond = evaluate([candidate("li"), candidate("wang", incentive=2, share="0.76")], "lead", "A", POLICY)
    assert within.candidates[1].bonus == Decimal("0.08")
    assert beyond.candidates[1].bonus == 0


def test_dimensions_that_are_not_known_do_not_count() -> None:
    """4.1"""
    one = Candidate(
        rep_id="li",
        fits={"industry": Decimal(1), "region": Decimal("0.5")},
        load=Decimal(0),
        capacity=Decimal(30),
        credit=Decimal(0),
    )
    assert evaluate([one], "lead", "B", POLICY).candidates[0].match == Decimal("0.8000")


def test_the_score_is_rounded_half_up_to_four_decimals() -> None:
    """4.1"""
    found = evaluate([candidate("li", fit="0.12345")], "lead", "B", POLICY)
    assert found.candidates[0].score == Decimal("0.3552")  # 0.65 * 0.12345 + 0.2 + 0.075 = 0.3552425
    found = evaluate([candidate("li", fit="0.5", credit="0.002")], "lead", "B", POLICY)
    assert found.candidates[0].score == Decimal("0.6001")  # 0.325 + 0.2 + 0.15 * 0.5005 = 0.600075


def test_stored_candidates_give_the_same_evaluation_again() -> None:
    """3.1.3-5"""
    seen = [
        candidate("li", fit="0.333333333333"),
        candidate("wang", fit="0.34", load="7"),
        candidate("zhao", filters=["CAPACITY"]),
    ]
    first = evaluate(seen, "lead", "A", POLICY)
    stored = [Candidate.model_validate_json(one.model_dump_json()) for one in first.candidates]
    assert evaluate(stored, "lead", "A", POLICY) == first


def test_nobody_wins_where_everybody_is_filtered() -> None:
    """3.1.3-5"""
    seen = [candidate("zhao", filters=["CAPACITY"])]
    assert evaluate(seen, "lead", "A", POLICY).winner is None
    assert evaluate([], "lead", "A", POLICY).winner is None


def test_credits_stay_within_two_and_absent_reps_are_frozen() -> None:
    """4.1"""
    eligible = [
        candidate("li", credit="-1.8"),
        candidate("wang", credit="1.9"),
        candidate("zhao", filters=["ON_LEAVE"]),
    ]
    assert settle(eligible, "li") == {"li": Decimal(-2), "wang": Decimal(2)}


def test_a_new_rep_begins_at_the_median() -> None:
    """3.1.7"""
    known = {"li": Decimal("-0.5"), "wang": Decimal("0.2"), "chen": Decimal("0.3")}
    assert newcomers_credit(known, ["li", "wang", "chen", "new"]) == Decimal("0.2")
    assert newcomers_credit({}, ["new"]) == 0

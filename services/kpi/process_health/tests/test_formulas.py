"""The worked numbers of the product text."""

from decimal import Decimal

import pytest

from services.kpi.process_health.formulas import (
    Jumps,
    Packages,
    StageDwell,
    displayed,
    dwell_deviation,
    not_enough,
    process_health,
    reference_dwell,
    shrunk,
    winsorised_mean,
)


def percent(value: Decimal) -> str:
    return str(displayed(100 * value))


def test_dwell_deviation_of_four_stages() -> None:
    """4.2: the example; slower counts in full, faster only when implausible"""
    figures = dwell_deviation(
        StageDwell(stage, n, Decimal(mean), Decimal(reference))
        for stage, n, mean, reference in [
            ("first_contact", 8, "3.0", "2.5"),
            ("demand_diagnosis", 6, "7.5", "6.0"),
            ("solution_design", 4, "4.0", "5.0"),
            ("quotation", 5, "6.9", "6.0"),
        ]
    )
    assert figures is not None
    assert (percent(figures.rate), percent(figures.signed), percent(figures.scored)) == ("20.2", "13.3", "16.7")
    assert (figures.worst.stage, figures.n) == ("demand_diagnosis", 23)


def test_implausibly_fast_visits_count_beyond_sixty_percent() -> None:
    figures = dwell_deviation([StageDwell("quotation", 4, Decimal(1), Decimal(10))])
    assert figures is not None
    assert (figures.signed, figures.scored) == (Decimal("-0.9"), Decimal("0.3"))


def test_no_visit_is_no_deviation() -> None:
    assert dwell_deviation([]) is None


def test_outliers_are_set_to_their_neighbours() -> None:
    """4.2: top and bottom 5 % winsorised"""
    assert winsorised_mean([0, *([10] * 18), 1000]) == 10
    assert winsorised_mean([0, 10]) == 5
    assert winsorised_mean([]) is None


def test_a_small_team_goes_by_the_tenant() -> None:
    """4.2: at least 20 visits, else the tenant mean"""
    assert reference_dwell([10] * 19, [40] * 30) == 40
    assert reference_dwell([10] * 20, [40] * 30) == 10
    assert reference_dwell([], []) is None


def test_few_visits_are_drawn_towards_the_reference() -> None:
    """4, conventions: k = 5"""
    assert shrunk(Decimal(50), 5, Decimal(20)) == 15


def test_backfills_raise_only_the_effective_completion() -> None:
    """3.5.7-4: 92.50 → 92.75, raw 91.0 unchanged"""
    before = Packages(required=200, on_time=182, backfilled=6)
    after = Packages(required=200, on_time=182, backfilled=7)
    assert (before.effective, after.effective) == (Decimal("0.925"), Decimal("0.9275"))
    assert before.raw == after.raw == Decimal("0.91")
    assert before.missing == 12


def test_waived_and_deferred_items_are_not_due() -> None:
    """4.3"""
    assert Packages(required=10, on_time=6, waived=2, deferred=2).raw == 1
    assert Packages(required=2, waived=2).raw is None


def test_jumps_are_skips_and_steps_back_per_hundred_transitions() -> None:
    """4.4"""
    jumps = Jumps(transitions=50, skips=1, back=1, visits=10, repeated=2)
    assert (jumps.frequency, jumps.rework) == (4, Decimal("0.2"))
    assert Jumps().frequency is None


@pytest.mark.parametrize(
    ("dwell", "action", "jumps", "score"),
    [("0.25", "0.91", "4", "82.4"), ("0.80", "0.53", "18", "31.2"), ("0.10", "0.97", "0", "94.8")],
)
def test_process_health_score(dwell: str, action: str, jumps: str, score: str) -> None:
    """4.5: the three examples"""
    health = process_health(Decimal(dwell), Decimal(action), Decimal(jumps))
    assert health.value == Decimal(score)
    assert health.coverage == 1


def test_a_part_without_data_leaves_its_weight_to_the_others() -> None:
    """4.5: spread over the others, coverage stated"""
    health = process_health(None, Decimal("0.9"), Decimal(10))
    assert displayed(health.value or Decimal(0)) == Decimal("76.7")
    assert health.coverage == Decimal("0.60")


def test_below_sixty_percent_coverage_the_month_is_neutral() -> None:
    """4.5: neutral, never 0"""
    assert process_health(None, Decimal("0.9"), None).value is None
    assert process_health(None, None, None).value is None


def test_little_data_is_neutral() -> None:
    """3.5.6: fewer than 5 stage visits or 20 required actions"""
    assert not_enough(5, 20) == []
    assert len(not_enough(4, 19)) == 2

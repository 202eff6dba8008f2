"""The read models over the example story, in its order and in every other."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from libs.events.contracts.examples.ids import (
    ACCOUNT_1,
    EVIDENCE_1,
    OPPORTUNITY_1,
    OPPORTUNITY_2,
    REP_LI,
    REP_WANG,
    at,
)
from libs.events.contracts.examples.pipeline import EXAMPLES
from libs.events.projecting import Projection
from libs.events.testing import fold_all, recorded
from services.pipeline.catalogue.projections import ACCOUNTS, PRODUCTS, AccountRow
from services.pipeline.evidence.projections import EVIDENCE_LIST, EvidenceRow
from services.pipeline.gates.projections import LEDGER, REJECTIONS, LedgerRow, RejectionRow
from services.pipeline.opportunities.projections import BOARD, OpportunityRow, PastRow
from services.pipeline.opportunities.visits import VISITS, VisitRow

ALL = (BOARD, VISITS, LEDGER, REJECTIONS, EVIDENCE_LIST, ACCOUNTS, PRODUCTS)
STORY = recorded(*sorted(EXAMPLES, key=lambda example: example[1]))


def rows(projection: Projection, kind: type[Any]) -> list[Any]:
    """The rows of one table after the story."""
    return [row for _, _, row in fold_all(projection, STORY) if type(row) is kind]


def test_the_board_shows_where_each_deal_stands() -> None:
    board = {row.opportunity_id: row for row in rows(BOARD, OpportunityRow)}
    won, lost = board[OPPORTUNITY_1], board[OPPORTUNITY_2]
    assert (won.state, won.stage, won.visit, won.amount, won.contract_id) == (
        "won",
        "contract_signing",
        2,
        286_000,
        "contract-2026-0017",
    )
    assert (won.owner_id, won.account_id, won.closed_at) == (REP_LI, ACCOUNT_1, at(103))
    assert (lost.state, lost.owner_id, lost.reason_code) == ("lost", REP_WANG, "no_budget")


def test_the_past_of_a_deal_can_be_asked_for_any_instant() -> None:
    """3.2.6: as_of and effective_at"""
    past = [row for row in rows(BOARD, PastRow) if row.opportunity_id == OPPORTUNITY_1]
    then = max((row for row in past if row.recorded_at <= at(30)), key=lambda row: row.version)
    assert (then.deal["stage"], then.deal["state"], then.deal["amount"]) == ("demand_diagnosis", "open", "300000")
    assert then.fact == "stage-advanced.v1"
    reopened = max((row for row in past if row.recorded_at <= at(102)), key=lambda row: row.version)
    assert (reopened.deal["state"], reopened.deal["closed_at"]) == ("open", None)


def test_every_visit_is_closed_once_and_knows_its_three_clocks() -> None:
    """3.2.3-2"""
    visits = {(row.stage, row.visit): row for row in rows(VISITS, VisitRow) if row.opportunity_id == OPPORTUNITY_1}
    assert len(visits) == 8
    first = visits["demand_diagnosis", 1]
    assert (first.dwell_wall, first.dwell_workday, first.dwell_business) == (82_800, 82_800, 23_400)
    assert (first.required, first.on_time, first.left_by, first.to_stage) == (3, 3, "advanced", "solution_design")
    assert visits["demand_diagnosis", 2].entered_by == "regressed"
    assert visits["contract_signing", 2].left_by == "won"
    assert all(row.left_at is not None for row in visits.values())


def test_the_ledger_knows_what_was_taken_back_and_done_again() -> None:
    ledger = {(row.visit, row.requirement): row for row in rows(LEDGER, LedgerRow)}
    again = ledger[1, "budget_confirmation_screenshot"]
    assert (again.state, again.satisfied_at, again.cause) == ("satisfied", at(48), None)
    assert ledger[2, "competitor_comparison_table"].mode == "carried-over"


def test_refusals_are_listed_with_what_was_missing() -> None:
    (refusal,) = rows(REJECTIONS, RejectionRow)
    assert refusal.missing == ["budget_confirmation_screenshot"]
    assert refusal.rejected_at - timedelta(hours=3) == at(26)


def test_evidence_is_listed_with_its_verdict() -> None:
    evidence = {row.evidence_id: row for row in rows(EVIDENCE_LIST, EvidenceRow)}
    assert evidence[EVIDENCE_1].state == "accepted"
    assert [row.failed for row in evidence.values() if row.state == "rejected"] == ["EVIDENCE_REUSED"]


def test_accounts_keep_their_further_columns() -> None:
    account = next(row for row in rows(ACCOUNTS, AccountRow) if row.account_id == ACCOUNT_1)
    assert account.attributes == {"employees": "2400"}


@pytest.mark.parametrize("projection", ALL, ids=lambda projection: projection.name)
def test_any_interleaving_of_streams_gives_the_same_rows(projection: Projection) -> None:
    expected = fold_all(projection, STORY)
    streams: dict[str, list[Any]] = {}
    for one in STORY:
        streams.setdefault(one.stream, []).append(one)
    for seed in range(20):
        shuffled = random.Random(seed)
        waiting = [list(facts) for facts in streams.values()]
        order = []
        while waiting:
            facts = shuffled.choice(waiting)
            order.append(facts.pop(0))
            waiting = [facts for facts in waiting if facts]
        assert fold_all(projection, order) == expected

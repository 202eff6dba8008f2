"""Erasing the people of a lead."""

from __future__ import annotations

from libs.events.contracts.lead_routing import LeadDisqualified, LeadErased
from libs.events.testing.decisions import NOON, given
from services.lead_routing.erasure.domain import ERASE, EraseLead
from services.lead_routing.followup.domain import REOPEN, ReopenLead
from services.lead_routing.tests.scenes import EVERYTHING, assigned, captured

COMMAND = EraseLead(lead_id="lead-1", reason_code="requested_by_the_person")


def test_an_open_lead_ends_before_its_people_are_erased() -> None:
    """3.1.7: nobody is told to work on it any more; its people's keys and that of its notes are named."""
    outcome = given(ERASE, *assigned("li")).when(COMMAND, NOON, EVERYTHING)
    assert outcome.fact(LeadDisqualified).reason_code == "erased"
    erased = outcome.fact(LeadErased)
    assert erased.subjects[0] == "lead-1"
    assert outcome.facts[-1] == erased


def test_erased_twice_is_erased_once() -> None:
    """Asked twice: nothing new happened."""
    facts = given(ERASE, *assigned("li")).when(COMMAND, NOON, EVERYTHING).facts
    given(ERASE, *assigned("li"), *facts).when(COMMAND, NOON, EVERYTHING).then()  # type: ignore[arg-type]


def test_an_erased_lead_takes_no_command() -> None:
    """3.1.3-1"""
    facts = [*captured(), *given(ERASE, *captured()).when(COMMAND, NOON, EVERYTHING).facts]
    given(REOPEN, *facts).when(ReopenLead(lead_id="lead-1", reason="x"), NOON, EVERYTHING).then_rejected(
        "CONFLICT_STATE"
    )  # type: ignore[arg-type]

"""Erasing the people behind a lead: their keys are destroyed, the facts stay (domain.md 3.1.1, 3.1.7)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from libs.events.contracts.lead_routing import LeadDisqualified, LeadErased
from libs.events.deciding import Command, Decider, Given, Id, Line, States
from libs.events.facts import Fact
from libs.service.organisation import Reach
from services.lead_routing.assignment.handing_over import taken_off
from services.lead_routing.followup.domain import with_workload
from services.lead_routing.leads.lead import LEAD, OPEN, existing

ERASED = "erased"


class EraseLead(Command):
    """The people of a lead want to be forgotten, or have to be."""

    lead_id: Id
    reason_code: Annotated[Line, Field(min_length=1)]


def _erase(states: States, command: EraseLead, given: Given) -> list[Fact]:
    """An open lead ends first, as one that leads nowhere, so that nobody is told to work on it."""
    lead = existing(states[LEAD.of(command.lead_id)], command.lead_id)
    if lead.state == "erased":
        return []
    erased = LeadErased(
        lead_id=command.lead_id,
        subjects=[command.lead_id, *lead.contacts],
        reason_code=command.reason_code,
        erased_at=given.now,
    )
    if lead.state not in OPEN:
        return [erased]
    ended = LeadDisqualified(
        lead_id=command.lead_id, rep_id=lead.owner_id, reason_code=ERASED, disqualified_at=given.now
    )
    return [ended, *taken_off(states, command.lead_id, lead.owner_id), erased]


ERASE = Decider("erase-lead", with_workload, _erase, consults=(Reach,))

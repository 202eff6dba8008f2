"""A converted lead becomes a deal with everything that was known of it (F3)."""

from __future__ import annotations

from typing import Any

from libs.events.contracts.lead_routing import LeadConverted
from libs.events.facts import Money, Recorded
from libs.events.projecting import Group
from libs.events.reacting import Attempt, Reaction
from services.pipeline.catalogue.domain import KEEP_ACCOUNT, KeepAccount
from services.pipeline.opportunities.opening import OPEN_FROM_LEAD, OpenFromLead

CURRENCY = "CNY"
"""Of amounts that came without one."""


def react(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """The account, unless it is known, and the deal."""
    lead: LeadConverted = recorded.fact
    name = lead.company or lead.lead_id
    amount = Money(amount=lead.amount, currency=lead.currency or CURRENCY) if lead.amount is not None else None
    deal = OpenFromLead(
        opportunity_id=lead.opportunity_id,
        name=name,
        owner_id=lead.rep_id,
        account_id=lead.account_id,
        source_lead=lead.lead_id,
        source_channel=lead.source.channel,
        campaign_id=lead.source.campaign_id,
        amount=amount,
        expected_close=lead.expected_close,
        tier=lead.tier,
        tags=lead.tags,
        converted_at=lead.converted_at,
    )
    return [
        Attempt(KEEP_ACCOUNT, KeepAccount(account_id=lead.account_id, name=name), target=lead.account_id),
        Attempt(OPEN_FROM_LEAD, deal, target=lead.opportunity_id),
    ]


CONVERTED_LEADS = Reaction(name="open-opportunities-of-converted-leads", reads=(LeadConverted,), react=react)

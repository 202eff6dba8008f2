"""The notes a rep wrote, to compare new ones with, and which reps know which company."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.lead_routing import LeadActivityRecorded, LeadCaptured
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from services.lead_routing.leads.company import company_key


@dataclass(frozen=True, slots=True)
class RepNote:
    """The sealed text of an activity."""

    activity_id: str
    rep_id: str
    happened_at: datetime
    note: dict[str, Any]


def note_keys(fact: Any) -> list[str]:
    """One activity with a text is one key."""
    return [f"{fact.lead_id} {fact.activity_id}"] if fact.note else []


def fold_note(group: Group, recorded: Recorded[Any]) -> list[RepNote]:
    """The note of the activity."""
    fact = recorded.fact
    return [RepNote(fact.activity_id, fact.rep_id, fact.happened_at, fact.note.model_dump(mode="json"))]


@dataclass(frozen=True, slots=True)
class CompanyContact:
    """Who had substantive contact with the company of a lead."""

    lead_id: str
    company_key: str
    reps: list[str]


def contact_keys(fact: Any) -> list[str]:
    """One lead is one key, and one stream."""
    return [fact.lead_id]


def fold_contact(group: Group, recorded: Recorded[Any]) -> list[CompanyContact]:
    """The lead's company, and one more rep where the activity counts."""
    row = group.one(CompanyContact)
    match recorded.fact:
        case LeadCaptured(lead_id=lead_id, company=company):
            return [CompanyContact(lead_id, company_key(company), [])]
        case LeadActivityRecorded(substantive=True, rep_id=rep_id) if row is not None:
            return [replace(row, reps=sorted({*row.reps, rep_id}))]
        case _:
            return list(group.rows)


REP_NOTES = Projection(
    name="rep-notes",
    version=1,
    reads=(LeadActivityRecorded,),
    tables=(Table("rep_notes", RepNote, identity=("activity_id",), indexes=(("rep_id", "happened_at"),)),),
    keys=note_keys,
    fold=fold_note,
)
COMPANY_CONTACTS = Projection(
    name="company-contacts",
    version=1,
    reads=(LeadCaptured, LeadActivityRecorded),
    tables=(Table("company_contacts", CompanyContact, indexes=(("company_key",),)),),
    keys=contact_keys,
    fold=fold_contact,
)

"""Leads as people see them: by owner and reporting line, personal text opened only for those who work on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from libs.events.errors import NotFound
from libs.events.reading import Reader
from libs.service.auth import Person
from libs.service.http import View
from libs.service.organisation import PEOPLE, visible_people
from libs.service.sealing import opener
from services.lead_routing.leads.domain import PERSONAL
from services.lead_routing.leads.projections import LEAD_BOARD

VISIBLE = (
    "($2::text[] is null"
    " or coalesce(l.owner_id, case when l.state in ('disqualified', 'erased') then l.former_owner end) = any($2)"
    " or (l.owner_id is null and $3))"
)
"""$2: whose work is seen; $3: whether leads without an owner are."""
COLUMNS = (
    "l.*, p.name as owner_name from leads l"
    " left join people p on p.tenant = l.tenant and p.person_id = l.owner_id where l.tenant = $1"
)


class LeadView(View):
    """A lead on the board. `held_until` is set while nobody can take it; `captures` counts how often it came in."""

    lead_id: str
    version: int
    state: str = Field(description="captured, pooled, assigned, working, converted, disqualified or erased")
    company: str
    channel: str
    campaign_id: str | None
    tier: str | None
    tags: dict[str, str]
    owner_id: str | None
    owner_name: str | None
    pool_id: str | None
    captured_at: datetime
    captures: int
    assigned_at: datetime | None
    accept_by: datetime | None
    accepted_at: datetime | None
    protected_until: datetime | None
    first_responded_at: datetime | None
    last_substantive_at: datetime | None
    held_reason: str | None
    held_at: datetime | None
    held_until: datetime | None
    opportunity_id: str | None


class ContactView(View):
    """A person at the customer; empty where the text is hidden from you or was erased."""

    contact_id: str
    role: str | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None
    wechat: str | None = None


class LeadDetail(LeadView):
    """One lead. With `masked` the company is shortened and the contacts are hidden, as before a claim."""

    uscc: str | None
    external_id: str | None
    former_owner: str | None
    pooled_at: datetime | None
    reason_code: str | None
    contacts: list[ContactView]
    masked: bool


async def sight(read: Reader, who: Person) -> tuple[list[str] | None, bool]:
    """Whose leads a person sees, and whether leads that nobody owns."""
    return await visible_people(read, who), who.has("manager", "director")


async def find_lead(read: Reader, who: Person, lead_id: str) -> tuple[Mapping[str, Any], bool]:
    """The lead's row, and whether it is masked for this person; raises NotFound."""
    people, unowned = await sight(read, who)
    row = await read(LEAD_BOARD, PEOPLE).one(
        f"select {VISIBLE} as visible, {COLUMNS} and l.lead_id = $4", people, unowned, lead_id
    )
    if row is None or not (row["visible"] or row["state"] == "pooled"):
        raise NotFound("lead", lead_id)
    return row, not row["visible"]


async def find_unmasked(read: Reader, who: Person, lead_id: str) -> None:
    """Raises NotFound unless the person sees all of the lead."""
    _, masked = await find_lead(read, who, lead_id)
    if masked:
        raise NotFound("lead", lead_id)


async def lead_detail(read: Reader, who: Person, lead_id: str) -> LeadDetail:
    """One lead with its contacts, opened for whoever works on leads; raises NotFound."""
    row, masked = await find_lead(read, who, lead_id)
    hidden = masked or not who.has("rep", "manager", "director", "process-owner")
    fields: dict[str, Any] = {name: row[name] for name in LeadDetail.model_fields if name not in {"contacts", "masked"}}
    if masked:
        fields |= {"company": shortened(row["company"]), "uscc": None, "external_id": None, "former_owner": None}
    contacts = [] if masked else await _contacts(read, row["contacts"], hidden=hidden)
    return LeadDetail(**fields, contacts=contacts, masked=hidden)


async def _contacts(read: Reader, sealed: Sequence[Mapping[str, Any]], *, hidden: bool) -> list[ContactView]:
    plain = [{"contact_id": one["contact_id"], "role": one.get("role")} for one in sealed]
    if not hidden:
        opening = opener(read)
        for name in PERSONAL:
            texts = await opening.open_all([one.get(name) for one in sealed], name)
            for contact, text in zip(plain, texts, strict=True):
                contact[name] = text
    return [ContactView(**contact) for contact in plain]


def shortened(company: str) -> str:
    """A company's name before somebody has claimed the lead."""
    return f"{company[:2]}***"


async def visible_leads(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Which of these leads a person sees, pooled ones included."""
    people, unowned = await sight(read, who)
    rows = await read(LEAD_BOARD).fetch(
        "select l.lead_id from leads l where l.tenant = $1 and l.lead_id = any($4)"
        f" and ({VISIBLE} or l.state = 'pooled')",
        people,
        unowned,
        list(ids),
    )
    return {lead_id for (lead_id,) in rows}

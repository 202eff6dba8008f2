"""Importing leads: where they came from, whose they were, and what became of them."""

from __future__ import annotations

from typing import Any

from libs.rules.reference import REFERENCE
from libs.service.imports.cells import Cells
from libs.service.imports.importing import Importer, Material, Step, ToSteps
from libs.service.imports.values import Known, Refused
from libs.service.organisation import PEOPLE
from services.lead_routing.imports.domain import RECORD_LEAD, RecordLead
from services.lead_routing.leads.domain import From, lead_id_of

CONTACT = {"name": "contact_name", "role": "contact_role", "phone": "phone", "email": "email", "wechat": "wechat"}
FIELDS = {"rep_id": "owner", "owner_id": "owner", "reason_code": "reason"}


async def leads(material: Material) -> ToSteps:
    """A lead is told by its source and its id there, so that it is the same one when it comes in again."""
    rows = await material.reader(PEOPLE).fetch("select person_id, name from people where tenant = $1 order by 1")
    known = Known(material.form.tenant, "person", {row["person_id"]: row["name"] for row in rows})

    def steps(cells: Cells) -> list[Step]:
        source = From(
            channel=cells.line("channel") or cells.form.mapping.source,
            campaign_id=cells.text("campaign"),
            external_id=cells.required("id"),
        )
        lead_id = lead_id_of(cells.form.tenant, source)
        owner = cells.text("owner")
        about: dict[str, Any] = {
            "capture": {
                "lead_id": lead_id,
                "source": source,
                "company": cells.required("company"),
                "uscc": cells.text("uscc"),
                "contacts": _contacts(cells),
                "tags": [{"dimension": name, "value": text} for name, text in cells.those_of("tags").items()],
            },
            "captured_at": cells.instant("captured_at"),
            "owner_id": known.find("owner", owner) if owner else None,
            "outcome": cells.text("outcome") or "open",
            "ended_at": cells.instant("ended_at"),
            "reason_code": cells.line("reason") or "other",
            "opportunity_id": cells.text("opportunity_id"),
            "account_id": cells.text("account_id"),
        }
        if about["captured_at"] is None and cells.form.file.without_date == "refuse":
            raise Refused("captured_at", "", "there is no date, and the mapping does not say that this may be")
        return [Step(RECORD_LEAD, RecordLead.model_validate(about), f"lead {lead_id}", field="id", fields=FIELDS)]

    return steps


def _contacts(cells: Cells) -> tuple[Any, ...]:
    told = {name: text for name, field in CONTACT.items() if (text := cells.line(field))}
    return (told,) if told else ()


LEADS_IMPORTER = Importer(
    entity="leads",
    fields=(
        "id", "company", "uscc", "channel", "campaign", "owner", "captured_at", "outcome", "ended_at", "reason",
        "opportunity_id", "account_id", "tags.*", *CONTACT.values(),
    ),
    required=("id", "company"),
    prepare=leads,
    reads=(REFERENCE, PEOPLE),
)  # fmt: skip

"""Capturing leads and correcting their tags (domain.md 3.1.2, 3.1.3-9)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid5

import orjson
from pydantic import Field

from libs.events.contracts.lead_routing import (
    Contact,
    Dimension,
    LeadCaptured,
    LeadCaptureRepeated,
    LeadReopened,
    LeadSource,
    LeadSourceBound,
    LeadTagCorrected,
    LeadTagged,
    LeadTiered,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.lead_routing.leads.lead import LEAD, OPEN, within_reach
from services.lead_routing.leads.tiers import TIER_KIND, TierPolicy

REOPENS_WITHIN = timedelta(days=180)
LEADS = UUID("0f0c4c5a-3f1e-5a6b-9d0e-6d1f4c2b7a10")
PERSONAL = ("name", "phone", "email", "wechat")


@dataclass(frozen=True, slots=True)
class Source:
    """To which lead a source with its external id belongs."""

    lead_id: str | None = None


def evolve_source(source: Source, fact: Any) -> Source:
    """The first lead has it, for ever."""
    match fact:
        case LeadSourceBound(lead_id=lead_id):
            return Source(source.lead_id or lead_id)
        case _:
            return source


SOURCE = StreamKind("lead-source", Source(), evolve_source)


class From(Command):
    """Where a lead comes from; `external_id` is its id over there."""

    channel: Line
    campaign_id: Id | None = None
    external_id: Line | None = None

    @property
    def key(self) -> str:
        """SHA-256 of channel and external id."""
        return hashlib.sha256(f"{self.channel}\n{self.external_id}".encode()).hexdigest()


class ContactGiven(Command):
    """A person at the customer. What identifies the person is sealed before it is kept."""

    role: Line | None = None
    name: Line | None = None
    phone: Annotated[str, Field(max_length=40)] | None = None
    email: Annotated[str, Field(max_length=200)] | None = None
    wechat: Annotated[str, Field(max_length=100)] | None = None


class TagGiven(Command):
    """What is known of a lead in one dimension; a number of interactions becomes hot, warm or cold."""

    dimension: Dimension
    value: Line
    provenance: Line = "capture"
    confidence: Annotated[Decimal, Field(ge=0, le=1, decimal_places=4)] = Decimal(1)

    @property
    def banded(self) -> str:
        """The value as it is kept: six contacts in 90 days and more are hot, two and more warm (4.1)."""
        if self.dimension != "interaction" or not self.value.isdecimal():
            return self.value
        return "hot" if int(self.value) >= 6 else "warm" if int(self.value) >= 2 else "cold"


class CaptureLead(Command):
    """A lead comes in. With an external id, `lead_id` is that of `lead_id_of`, whoever sends it and how often."""

    lead_id: Id
    source: From
    company: Line
    uscc: Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$")] | None = None
    contacts: Annotated[tuple[ContactGiven, ...], Field(max_length=20)] = ()
    tags: Annotated[tuple[TagGiven, ...], Field(max_length=5)] = ()

    def contact_id(self, number: int) -> str:
        """The id of the nth contact, which is also the subject its personal text is sealed for."""
        return str(uuid5(LEADS, f"{self.lead_id} contact {number}"))

    def subjects(self) -> list[str]:
        """Whose personal text is sealed."""
        return [self.contact_id(number) for number in range(len(self.contacts))]


def lead_id_of(tenant: str, source: From) -> str:
    """The id of the lead of a source and external id: the same for ever, so it never becomes two leads (3.1.3-9)."""
    return str(uuid5(LEADS, f"{tenant} {source.key}"))


class CorrectTag(Command):
    """A tag is another one, for a reason."""

    lead_id: Id
    dimension: Dimension
    value: Line
    reason: Annotated[Line, Field(min_length=1)]


def _capture_streams(states: States, command: CaptureLead, given: Given) -> list[StreamOf[Any]]:
    if command.source.external_id is None:
        return [LEAD.of(command.lead_id)]
    bound = SOURCE.of(command.source.key)
    first = states[bound].lead_id
    return [LEAD.of(command.lead_id), bound, *([LEAD.of(first)] if first else [])]


def _capture(states: States, command: CaptureLead, given: Given) -> list[Fact]:
    source = LeadSource.model_validate(command.source.model_dump())
    raw_hash = given[Sealer].keyed_hash(orjson.dumps(command.model_dump(mode="json", exclude={"lead_id"})).decode())
    first = states[SOURCE.of(command.source.key)].lead_id if source.external_id else None
    if first is not None:
        return _captured_again(states, first, source, raw_hash, given)
    if states[LEAD.of(command.lead_id)].state != "unknown":
        raise Rejected("CONFLICT_STATE", "another lead has this id")
    captured = LeadCaptured(
        lead_id=command.lead_id,
        source=source,
        company=command.company,
        uscc=command.uscc,
        contacts=[_sealed(command, number, given[Sealer]) for number in range(len(command.contacts))],
        raw_hash=raw_hash,
        captured_at=given.now,
    )
    tags = {tag.dimension: tag for tag in command.tags}
    return [
        *([LeadSourceBound(source_key=command.source.key, lead_id=command.lead_id)] if source.external_id else []),
        captured,
        *(
            LeadTagged(
                lead_id=command.lead_id,
                dimension=tag.dimension,
                value=tag.banded,
                provenance=tag.provenance,
                confidence=tag.confidence,
            )
            for tag in tags.values()
        ),
        _tiered(command.lead_id, {tag.dimension: tag.banded for tag in tags.values()}, given),
    ]


def _captured_again(states: States, lead_id: str, source: LeadSource, raw_hash: str, given: Given) -> list[Fact]:
    """No second lead; one that was disqualified not too long ago is worked on again (3.1.7)."""
    lead = states[LEAD.of(lead_id)]
    repeated = LeadCaptureRepeated(lead_id=lead_id, source=source, raw_hash=raw_hash, repeated_at=given.now)
    if lead.state == "disqualified" and lead.ended_at and given.now - lead.ended_at < REOPENS_WITHIN:
        return [repeated, LeadReopened(lead_id=lead_id, reason="captured again", reopened_at=given.now)]
    return [repeated]


def _sealed(command: CaptureLead, number: int, sealer: Sealer) -> Contact:
    contact, subject = command.contacts[number], command.contact_id(number)
    personal = {name: getattr(contact, name) for name in PERSONAL}
    sealed = {name: sealer.seal(subject, text, name) for name, text in personal.items() if text}
    return Contact.model_validate({"contact_id": subject, "role": contact.role, **sealed})


def _tiered(lead_id: str, tags: Mapping[str, str], given: Given) -> LeadTiered:
    rule = given[RuleBook].only(TIER_KIND)
    return LeadTiered(lead_id=lead_id, tier=rule.parsed(TierPolicy).tier_of(tags), rule_refs=[rule.ref])


def _correct(states: States, command: CorrectTag, given: Given) -> list[Fact]:
    lead = within_reach(states[LEAD.of(command.lead_id)], command.lead_id, given)
    tag = TagGiven(dimension=command.dimension, value=command.value)
    old = lead.tags.get(command.dimension)
    if lead.state not in OPEN:
        raise Rejected("CONFLICT_STATE", "the lead is closed")
    if old == tag.banded:
        return []
    tiered = _tiered(command.lead_id, {**lead.tags, tag.dimension: tag.banded}, given)
    return [
        LeadTagCorrected(
            lead_id=command.lead_id, dimension=command.dimension, old=old, new=tag.banded, reason=command.reason
        ),
        *([tiered] if tiered.tier != lead.tier else []),
    ]


CAPTURE = Decider("capture-lead", _capture_streams, _capture, consults=(RuleBook, Sealer))
CORRECT_TAG = Decider(
    "correct-tag", lambda states, command, given: [LEAD.of(command.lead_id)], _correct, consults=(RuleBook, Reach)
)

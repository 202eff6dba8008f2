"""Since when each lead has not been worked on, and the deadlines of the rules about silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.alerting import SilenceEpisodeOpened
from libs.events.contracts.lead_routing import (
    LeadActivityRecorded,
    LeadAssigned,
    LeadCaptured,
    LeadClaimed,
    LeadConverted,
    LeadDeclined,
    LeadDisqualified,
    LeadPooled,
    LeadReassigned,
    LeadReleased,
    LeadReopened,
)
from libs.events.deciding import Given
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.events.reacting import Attempt
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from services.alerting.alert_rules.domain import SILENCE_RULES, AlertRule, rule_in_force
from services.alerting.silence.domain import OPEN_SILENCE, OpenSilence, silence_due

LEAD_FACTS: tuple[type[Fact], ...] = (
    LeadCaptured,
    LeadAssigned,
    LeadClaimed,
    LeadReassigned,
    LeadDeclined,
    LeadActivityRecorded,
    LeadPooled,
    LeadReleased,
    LeadConverted,
    LeadDisqualified,
    LeadReopened,
)


@dataclass(frozen=True, slots=True)
class LeadSilence:
    """A lead. `quiet_since`: the last substantive activity, else since a rep has it; None while no clock runs.

    `fired` holds, by rule, the `quiet_since` of the last episode that was opened.
    """

    lead_id: str
    company: str = ""
    owner_id: str | None = None
    owned_since: datetime | None = None
    open: bool = True
    quiet_since: datetime | None = None
    next_step_due: datetime | None = None
    fired: dict[str, str] = field(default_factory=dict)

    @property
    def watched(self) -> bool:
        """An open lead that a rep has."""
        return self.open and self.owner_id is not None and self.quiet_since is not None


def keys(fact: Any) -> list[str]:
    """One group per lead."""
    return [fact.lead_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[LeadSilence]:
    """The lead after one more fact. Facts of a migration start no clock: history raises no alerts (3.4.7)."""
    lead = group.one(LeadSilence) or LeadSilence(group.key)
    fact = recorded.fact
    live = recorded.meta.channel != "migration"
    match fact:
        case SilenceEpisodeOpened():
            return [replace(lead, fired={**lead.fired, fact.rule_code: fact.since.isoformat()})]
        case LeadCaptured():
            return [replace(lead, company=fact.company)]
        case LeadAssigned():
            return [_owned(lead, fact.rep_id, fact.assigned_at, live=live and fact.mode != "migration")]
        case LeadClaimed():
            return [_owned(lead, fact.rep_id, fact.claimed_at, live=live)]
        case LeadReassigned():
            return [_owned(lead, fact.to_rep, fact.reassigned_at, live=live)]
        case LeadDeclined():
            return [replace(lead, owner_id=None)]
        case LeadActivityRecorded():
            return [_worked_on(lead, fact, live=live)]
        case LeadPooled() | LeadReleased():
            return [replace(lead, owner_id=None, owned_since=None, quiet_since=None, next_step_due=None)]
        case LeadConverted() | LeadDisqualified():
            closed = replace(lead, open=False, owner_id=None, owned_since=None)
            return [replace(closed, quiet_since=None, next_step_due=None)]
        case LeadReopened():
            return [replace(lead, open=True)]
        case _:
            return [lead]


def _owned(lead: LeadSilence, rep_id: str, at: datetime, *, live: bool) -> LeadSilence:
    """The customer's clock runs on when the lead goes from one rep to another (3.4.7)."""
    quiet_since = lead.quiet_since or (at if live else None)
    return replace(lead, owner_id=rep_id, owned_since=at, open=True, quiet_since=quiet_since)


def _worked_on(lead: LeadSilence, fact: LeadActivityRecorded, *, live: bool) -> LeadSilence:
    planned = fact.next_step_due or lead.next_step_due
    unowned = lead.owner_id is None and lead.quiet_since is None
    if unowned or not fact.substantive or not live:
        return replace(lead, next_step_due=planned)
    return replace(lead, next_step_due=planned, quiet_since=max(lead.quiet_since or fact.happened_at, fact.happened_at))


LEADS = Table("lead_silence", LeadSilence, indexes=(("owner_id",),))


def due_of(code: str) -> Callable[[LeadSilence, Given], datetime | None]:
    """When a rule about silence is broken for a lead; None where it has fired for this silence or does not hold."""

    def due(lead: LeadSilence, given: Given) -> datetime | None:
        rule = rule_in_force(given[RuleBook], code)
        if rule is None or not lead.watched or lead.owner_id is None or lead.quiet_since is None:
            return None
        if lead.fired.get(code) == lead.quiet_since.isoformat():
            return None
        return silence_due(
            rule.parsed(AlertRule), given[Calendars], lead.owner_id, lead.quiet_since, lead.next_step_due
        )

    return due


def fire_of(code: str) -> Callable[[LeadSilence, datetime], Attempt]:
    """The command that records that a rule about silence was broken."""

    def fire(lead: LeadSilence, due_at: datetime) -> Attempt:
        command = OpenSilence(
            lead_id=lead.lead_id,
            rule_code=code,
            company=lead.company,
            rep_id=str(lead.owner_id),
            owned_since=lead.owned_since or due_at,
            since=lead.quiet_since or due_at,
            due_at=due_at,
        )
        return Attempt(OPEN_SILENCE, command, target=f"{lead.lead_id} {code}")

    return fire


SILENCES = Projection(
    name="lead-silence",
    version=1,
    reads=(*LEAD_FACTS, SilenceEpisodeOpened),
    tables=(LEADS,),
    keys=keys,
    fold=fold,
    deadlines=tuple(
        Deadline(
            f"silence-{code.lower()}",
            LEADS,
            due_of(code),
            fire_of(code),
            consults=(Calendars, RuleBook),
            sources=("lead-routing",),
        )
        for code in SILENCE_RULES
    ),
)

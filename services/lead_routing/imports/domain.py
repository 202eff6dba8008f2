"""Writing down people and leads from before, and keeping what is known already (channel `migration` only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from libs.events.contracts.lead_routing import LeadAssigned, LeadConverted, LeadDisqualified, LeadSource, LeadTiered
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import Rejected
from libs.events.facts import Dated, Fact, Instant
from libs.rules.documents import LONG_AGO, RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.lead_routing.leads.domain import CAPTURE, CaptureLead
from services.lead_routing.leads.lead import LEAD
from services.lead_routing.organisation.domain import DEACTIVATE, REGISTER, DeactivateRep, RegisterRep
from services.lead_routing.organisation.rep import REP
from services.lead_routing.routing.policy import POLICY_KIND, RoutingPolicy
from services.lead_routing.units.domain import (
    DEPARTMENT,
    REGISTER_DEPARTMENT,
    REGISTER_TEAM,
    TEAM,
    RegisterDepartment,
    RegisterTeam,
)
from services.lead_routing.workload.domain import WORKLOAD, weigh

CHANNEL = "migration"
REASON = "recorded from the history of another system"


class RecordLeaving(Command):
    """A person left before the import."""

    rep_id: Id
    left_at: Instant
    reason: Annotated[Text, Field(min_length=1)] = REASON


class RecordLead(Command):
    """A lead as another system knew it: who had it, and how it ended, as far as that is known."""

    capture: CaptureLead
    captured_at: Instant | None = None
    owner_id: Id | None = None
    outcome: Literal["open", "converted", "disqualified"] = "open"
    ended_at: Instant | None = None
    reason_code: Line = "other"
    opportunity_id: Id | None = None
    account_id: Id | None = None

    def subjects(self) -> list[str]:
        """Whose personal text is sealed."""
        return self.capture.subjects()


def check_migration(given: Given) -> None:
    """Refuse anything but a process owner's import."""
    if given.channel != CHANNEL or "process-owner" not in given[Reach].roles:
        raise Rejected("NOT_PERMITTED", "only a process owner records history, on the channel migration")


def _keep_team(states: States, command: RegisterTeam, given: Given) -> Sequence[Fact | Dated]:
    known = states[TEAM.of(command.team_id)].registered is not None
    return [] if known else REGISTER_TEAM.decide(states, command, given)


def _keep_department(states: States, command: RegisterDepartment, given: Given) -> Sequence[Fact | Dated]:
    known = states[DEPARTMENT.of(command.department_id)].registered is not None
    return [] if known else REGISTER_DEPARTMENT.decide(states, command, given)


def _keep_person(states: States, command: RegisterRep, given: Given) -> Sequence[Fact | Dated]:
    return [] if states[REP.of(command.rep_id)].known else REGISTER.decide(states, command, given)


def _leaving(states: States, command: RecordLeaving, given: Given) -> list[Dated]:
    check_migration(given)
    rep = states[REP.of(command.rep_id)]
    if command.left_at > given.now or (rep.since is not None and command.left_at < rep.since):
        raise Rejected("VALIDATION", "a person leaves after coming, and not in the future", field="left_at")
    then = replace(given, now=command.left_at)
    facts = DEACTIVATE.decide(states, DeactivateRep(rep_id=command.rep_id, reason=command.reason), then)
    return [Dated(fact, command.left_at, REASON) for fact in facts if isinstance(fact, Fact)]


def _lead_streams(states: States, command: RecordLead, given: Given) -> list[StreamOf[Any]]:
    load = [WORKLOAD.of(command.owner_id)] if command.owner_id and command.outcome == "open" else []
    return [*CAPTURE.streams(states, command.capture, given), *load]


def _lead(states: States, command: RecordLead, given: Given) -> list[Fact | Dated]:
    check_migration(given)
    lead_id, captured_at = command.capture.lead_id, command.captured_at or given.now
    _check_dates(command, captured_at, given.now)
    if states[LEAD.of(lead_id)].state != "unknown":
        raise Rejected("CONFLICT_STATE", "history is not written onto a lead that is known")
    captured = CAPTURE.decide(states, command.capture, replace(given, now=captured_at))
    facts: list[Fact | Dated] = [Dated(fact, captured_at, REASON) for fact in captured if isinstance(fact, Fact)]
    if command.owner_id is not None:
        assigned = LeadAssigned(lead_id=lead_id, rep_id=command.owner_id, mode="migration", assigned_at=captured_at)
        facts.append(Dated(assigned, captured_at, REASON))
    if command.outcome != "open":
        tier = next((fact.tier for fact in captured if isinstance(fact, LeadTiered)), None)
        ended_at = command.ended_at or captured_at
        return [*facts, Dated(_ended(command, tier, ended_at), ended_at, REASON)]
    if command.owner_id is not None:
        policy = given[RuleBook].only(POLICY_KIND).parsed(RoutingPolicy)
        load = states[WORKLOAD.of(command.owner_id)]
        facts += weigh(load, command.owner_id, lead_id, policy.lead_weight)
    return facts


def _check_dates(command: RecordLead, captured_at: datetime, now: datetime) -> None:
    if command.outcome == "open" and command.ended_at is not None:
        raise Rejected("VALIDATION", "an open lead has not ended", field="ended_at")
    if command.outcome != "open" and command.ended_at is None:
        raise Rejected("VALIDATION", f"a lead that was {command.outcome} has a date for that", field="ended_at")
    for field, instant in (("captured_at", command.captured_at), ("ended_at", command.ended_at)):
        if instant is not None and not LONG_AGO <= instant <= now:
            raise Rejected("VALIDATION", f"{field} lies in the future or before 1970", field=field)
    if command.ended_at is not None and command.captured_at is not None and command.ended_at < captured_at:
        raise Rejected("VALIDATION", "the lead ended before it came in", field="ended_at")


def _ended(command: RecordLead, tier: Any, ended_at: datetime) -> Fact:
    capture = command.capture
    if command.outcome == "disqualified":
        return LeadDisqualified(
            lead_id=capture.lead_id, rep_id=command.owner_id, reason_code=command.reason_code, disqualified_at=ended_at
        )
    if not (command.owner_id and command.opportunity_id and command.account_id):
        why = "a converted lead has an owner, an opportunity and an account"
        raise Rejected("VALIDATION", why, field="outcome")
    return LeadConverted(
        lead_id=capture.lead_id,
        rep_id=command.owner_id,
        opportunity_id=command.opportunity_id,
        account_id=command.account_id,
        company=capture.company,
        tier=tier,
        tags={tag.dimension: tag.banded for tag in capture.tags},
        source=LeadSource.model_validate(capture.source.model_dump()),
        converted_at=ended_at,
    )


KEEP_TEAM = Decider("keep-team", REGISTER_TEAM.streams, _keep_team)
KEEP_DEPARTMENT = Decider("keep-department", REGISTER_DEPARTMENT.streams, _keep_department)
KEEP_PERSON = Decider("keep-person", REGISTER.streams, _keep_person, consults=REGISTER.consults)
RECORD_LEAVING = Decider(
    "record-leaving", lambda states, command, given: [REP.of(command.rep_id)], _leaving, consults=DEACTIVATE.consults
)
RECORD_LEAD = Decider("record-lead", _lead_streams, _lead, consults=(RuleBook, Reach, Sealer))

"""The rows of the read model of calendars and rule documents, and how facts change them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.lead_routing import (
    CalendarAssigned,
    CalendarPublished,
    RepRegistered,
    RepTransferred,
    TenantAdded,
)
from libs.events.contracts.rules import (
    RuleApproved,
    RuleDrafted,
    RuleLinted,
    RulePublished,
    RuleResumed,
    RuleRetired,
    RuleRolledBack,
    RuleSimulated,
    RuleSuspended,
)
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A calendar's newest data."""

    calendar_id: str
    version: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CalendarAssignment:
    """Who goes by which calendar; scope `default` is what a tenant began with."""

    scope: str
    subject_id: str
    calendar_id: str


@dataclass(frozen=True, slots=True)
class TeamMember:
    """From when on a person belongs to a team."""

    person_id: str
    team_id: str | None
    effective_from: datetime


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One published version of a rule; `owner` is the service that wrote it."""

    owner: str
    rule_id: str
    version: int
    kind: str
    name: str
    scope: str
    document: dict[str, Any]
    document_hash: str
    explain: str
    published_at: datetime
    by: str
    override: str | None = None
    restored_version: int | None = None


@dataclass(frozen=True, slots=True)
class RuleState:
    """Where a rule stands: its draft with what happened to it, its last version, whether it stands still or is gone."""

    owner: str
    rule_id: str
    kind: str
    name: str
    scope: str
    stream_version: int
    changed_at: datetime
    last_version: int = 0
    suspended: bool = False
    retired: bool = False
    draft: dict[str, Any] | None = None
    draft_hash: str | None = None
    draft_explain: str = ""
    drafted_by: str | None = None
    drafted_at: datetime | None = None
    findings: list[dict[str, Any]] | None = None
    simulation: dict[str, Any] | None = None
    simulated_at: datetime | None = None
    approved_by: list[str] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceChange:
    """The last version of a stream that this read model has folded; topic is `calendars` or `rules`."""

    topic: str
    stream: str
    version: int


RULE_FACTS = (
    RuleDrafted,
    RuleLinted,
    RuleSimulated,
    RuleApproved,
    RulePublished,
    RuleSuspended,
    RuleResumed,
    RuleRetired,
    RuleRolledBack,
)


def keys(fact: Fact) -> list[str]:
    """Every stream is a key of its own; a rule's owner is told apart by the rows."""
    return [fact.stream()]


def fold(group: Group, recorded: Recorded[Any]) -> list[Any]:
    """The rows of a stream after one more of its facts."""
    fact = recorded.fact
    topic = "rules" if isinstance(fact, RULE_FACTS) else "calendars"
    change = ReferenceChange(topic, recorded.stream, recorded.version)
    others = [row for row in group.rows if not (isinstance(row, ReferenceChange) and row.stream == recorded.stream)]
    match fact:
        case CalendarPublished():
            return [CalendarRow(fact.calendar_id, fact.version, fact.document), change]
        case CalendarAssigned():
            return [CalendarAssignment(fact.scope, fact.subject_id, fact.calendar_id), change]
        case TenantAdded():
            return [CalendarAssignment("default", fact.tenant_id, fact.calendar_id), change]
        case RepRegistered() | RepTransferred():
            member = TeamMember(fact.rep_id, fact.team_id, fact.effective_from)
            earlier = [row for row in group.all(TeamMember) if row.effective_from != member.effective_from]
            return [*earlier, member, change]
        case _:
            return [*_fold_rule(others, recorded), change]


def _fold_rule(rows: list[Any], recorded: Recorded[Any]) -> list[Any]:
    owner = recorded.stream.split("/", 1)[0]
    fact = recorded.fact
    state = next((row for row in rows if isinstance(row, RuleState) and row.owner == owner), None)
    rest = [row for row in rows if row is not state]
    before = state or RuleState(owner, fact.rule_id, "", "", "tenant", 0, recorded.recorded_at)
    after = replace(_rule_after(before, recorded), stream_version=recorded.version, changed_at=recorded.recorded_at)
    if isinstance(fact, RulePublished | RuleRolledBack):
        rest.append(_version(owner, fact))
    return [*rest, after]


def _drafted(rule: RuleState, fact: RuleDrafted, at: datetime) -> RuleState:
    """The same document in the same scope keeps what was found and simulated; approvals are given anew."""
    kept = (rule.draft_hash, rule.scope) == (fact.document_hash, fact.scope)
    return replace(
        rule,
        kind=fact.kind,
        name=fact.name,
        scope=fact.scope,
        draft=fact.document,
        draft_hash=fact.document_hash,
        draft_explain=fact.explain,
        drafted_by=fact.by,
        drafted_at=at,
        findings=rule.findings if kept else None,
        simulation=rule.simulation if kept else None,
        simulated_at=rule.simulated_at if kept else None,
        approved_by=None,
    )


def _rule_after(rule: RuleState, recorded: Recorded[Any]) -> RuleState:
    match recorded.fact:
        case RuleDrafted() as fact:
            return _drafted(rule, fact, recorded.recorded_at)
        case RuleLinted(findings=findings):
            return replace(rule, findings=findings)
        case RuleSimulated(report=report, simulated_at=simulated_at):
            return replace(rule, simulation=report, simulated_at=simulated_at)
        case RuleApproved(by=by):
            return replace(rule, approved_by=sorted({*(rule.approved_by or ()), by}))
        case RulePublished() as fact:
            return RuleState(
                rule.owner,
                fact.rule_id,
                fact.kind,
                fact.name,
                fact.scope,
                rule.stream_version,
                rule.changed_at,
                last_version=fact.version,
                reason=fact.override,
            )
        case RuleRolledBack() as fact:
            after = replace(rule, kind=fact.kind, last_version=fact.version, suspended=False, reason=fact.reason)
            return after if rule.draft is not None else replace(after, name=fact.name, scope=fact.scope)
        case RuleSuspended(reason=reason):
            return replace(rule, suspended=True, reason=reason)
        case RuleResumed():
            return replace(rule, suspended=False, reason=None)
        case RuleRetired(reason=reason):
            return replace(rule, retired=True, reason=reason)
        case _:
            return rule


def _version(owner: str, fact: RulePublished | RuleRolledBack) -> RuleDocument:
    return RuleDocument(
        owner=owner,
        rule_id=fact.rule_id,
        version=fact.version,
        kind=fact.kind,
        name=fact.name,
        scope=fact.scope,
        document=fact.document,
        document_hash=fact.document_hash,
        explain=fact.explain if isinstance(fact, RulePublished) else fact.reason,
        published_at=fact.published_at,
        by=fact.by,
        override=fact.override if isinstance(fact, RulePublished) else None,
        restored_version=fact.restored_version if isinstance(fact, RuleRolledBack) else None,
    )


REFERENCE = Projection(
    name="reference",
    version=1,
    reads=(CalendarPublished, CalendarAssigned, TenantAdded, RepRegistered, RepTransferred, *RULE_FACTS),
    tables=(
        Table("calendars", CalendarRow),
        Table("calendar_assignments", CalendarAssignment),
        Table("team_members", TeamMember, identity=("effective_from",)),
        Table("rule_documents", RuleDocument, identity=("owner", "version"), indexes=(("kind", "rule_id"),)),
        Table("rule_states", RuleState, identity=("owner",), indexes=(("kind", "rule_id"),)),
        Table("reference_changes", ReferenceChange, identity=("stream",), indexes=(("topic", "version"),)),
    ),
    keys=keys,
    fold=fold,
)

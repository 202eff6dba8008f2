"""The read model of calendars and rule documents that every service keeps, and what decisions are given of it."""

from __future__ import annotations

from bisect import bisect_right
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
from libs.events.deciding import Command
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Group, Projection, Table
from libs.events.reading import Reader
from libs.events.running import Request
from libs.rules.calendars import Calendar, CalendarDocument, Calendars, shipped_calendar
from libs.rules.documents import LONG_AGO, PublishedRule, RuleBook
from libs.rules.remembering import Remembered, marker_of


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


def _rule_after(rule: RuleState, recorded: Recorded[Any]) -> RuleState:
    match recorded.fact:
        case RuleDrafted() as fact:
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
                drafted_at=recorded.recorded_at,
                findings=rule.findings if kept else None,
                simulation=rule.simulation if kept else None,
                simulated_at=rule.simulated_at if kept else None,
                approved_by=None,
            )
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
            return replace(rule, kind=fact.kind, last_version=fact.version, suspended=False, reason=fact.reason)
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


class _Assignments:
    """Calendars, who goes by which, and the teams of people by time; `at` gives what holds at an instant."""

    def __init__(
        self,
        documents: dict[str, Calendar],
        of: dict[str, dict[str, str]],
        members: list[tuple[datetime, str, str | None]],
    ) -> None:
        self._documents = documents
        self._of = of
        self._members = members
        self._last: tuple[int, Calendars] | None = None

    def at(self, instant: datetime | None) -> Calendars:
        count = len(self._members) if instant is None else bisect_right(self._members, instant, key=lambda one: one[0])
        if self._last is None or self._last[0] != count:
            team_of = {person_id: team_id or "" for _, person_id, team_id in self._members[:count]}
            defaults = [*self._of.get("tenant", {}).values(), *self._of.get("default", {}).values()]
            tenant_default = defaults[0] if defaults else shipped_calendar().calendar_id
            of_team, of_person = self._of.get("team", {}), self._of.get("person", {})
            self._last = (count, Calendars(self._documents, tenant_default, of_team, of_person, team_of))
        return self._last[1]


async def _assignments(reader: Reader) -> _Assignments:
    view = reader(REFERENCE)
    calendars = await view.fetch("select calendar_id, document from calendars where tenant = $1")
    assigned = await view.fetch("select scope, subject_id, calendar_id from calendar_assignments where tenant = $1")
    members = await view.fetch(
        "select effective_from, person_id, team_id from team_members where tenant = $1"
        " order by effective_from, person_id"
    )
    of: dict[str, dict[str, str]] = {}
    for scope, subject_id, calendar_id in assigned:
        of.setdefault(scope, {})[subject_id] = calendar_id
    documents = {
        calendar_id: Calendar(CalendarDocument.model_validate(document)) for calendar_id, document in calendars
    }
    return _Assignments(documents, of, [tuple(row) for row in members])


async def load_rulebook(reader: Reader) -> RuleBook:
    """All published rules of the reader's tenant, from memory unless one has changed."""
    return await _RULES(reader)


async def load_calendars(reader: Reader, at: datetime | None = None) -> Calendars:
    """The calendars of the reader's tenant with the teams as of `at` (None: as planned at last)."""
    return (await _CALENDARS(reader)).at(at)


async def calendars_provider(reader: Reader, request: Request, command: Command, now: datetime) -> Calendars:
    """The provider of `given[Calendars]`."""
    return await load_calendars(reader, now)


async def rulebook_provider(reader: Reader, request: Request, command: Command, now: datetime) -> RuleBook:
    """The provider of `given[RuleBook]`."""
    return await load_rulebook(reader)


async def _rulebook(reader: Reader) -> RuleBook:
    rows = await reader(REFERENCE).fetch(
        "select d.*, s.suspended and d.version = s.last_version as stands_still, s.retired"
        " from rule_documents d join rule_states s using (tenant, key, owner) where tenant = $1"
    )
    rules = [
        PublishedRule(
            rule_id=row["rule_id"],
            version=row["version"],
            kind=row["kind"],
            name=row["name"],
            scope=row["scope"],
            document=row["document"],
            suspended=row["stands_still"],
            published_at=row["published_at"] or LONG_AGO,
            explain=row["explain"],
        )
        for row in rows
    ]
    return RuleBook(rules, retired={row["rule_id"] for row in rows if row["retired"]})


_MARKER = "select sum(version)::text from reference_changes where tenant = $1 and topic = $2"
_CALENDARS = Remembered(marker_of(REFERENCE, _MARKER, "calendars"), _assignments)
_RULES = Remembered(marker_of(REFERENCE, _MARKER, "rules"), _rulebook)

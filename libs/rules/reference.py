"""The calendars and published rules of a tenant: the read model every service keeps, and what decisions get of it."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

from libs.events.deciding import Command
from libs.events.reading import Reader
from libs.events.running import Request
from libs.rules.calendars import Calendar, CalendarDocument, Calendars, shipped_calendar
from libs.rules.documents import LONG_AGO, PublishedRule, RuleBook
from libs.rules.reference_rows import REFERENCE
from libs.rules.remembering import Remembered, marker_of

__all__ = ["REFERENCE", "calendars_provider", "load_calendars", "load_rulebook", "rulebook_provider"]


class _Assignments:
    """Calendars, who goes by which, teams by time; `at` gives the same object until something changes."""

    def __init__(
        self,
        documents: dict[str, Calendar],
        of: dict[str, dict[str, str]],
        members: list[tuple[datetime, str, str | None]],
    ) -> None:
        self._documents = documents
        self._of = of
        self._members = members
        self._known: dict[int, Calendars] = {}

    def at(self, instant: datetime | None) -> Calendars:
        count = len(self._members) if instant is None else bisect_right(self._members, instant, key=lambda one: one[0])
        if count not in self._known:
            team_of = {person_id: team_id or "" for _, person_id, team_id in self._members[:count]}
            defaults = [*self._of.get("tenant", {}).values(), *self._of.get("default", {}).values()]
            tenant_default = defaults[0] if defaults else shipped_calendar().calendar_id
            of_team, of_person = self._of.get("team", {}), self._of.get("person", {})
            self._known[count] = Calendars(self._documents, tenant_default, of_team, of_person, team_of)
        return self._known[count]


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

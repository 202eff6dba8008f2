"""What a month's process health is computed from, read once for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.events.reading import Reader
from libs.rules.calendars import Calendar, Calendars
from libs.rules.documents import RuleBook
from libs.rules.reference import load_calendars, load_rulebook
from libs.service.organisation import Organisation, load_organisation
from services.kpi.asking import Span, month_span, now_of, tenant_calendar
from services.kpi.process_health.months import Comparison, PersonMonth, person_month
from services.kpi.process_health.visits import Visit, visits_of
from services.kpi.stages.projections import STAGES


@dataclass(frozen=True, slots=True)
class Month:
    """A month of one tenant: its visits, who is in which team, by which calendars open visits last."""

    span: Span
    calendar: Calendar
    calendars: Calendars
    organisation: Organisation
    rules: RuleBook
    visits: Sequence[Visit]
    comparison: Comparison

    def of(self, person_id: str) -> PersonMonth:
        """One person's month."""
        return person_month(person_id, self.visits, self.comparison, self.span, self.lasted)

    def lasted(self, visit: Visit) -> int:
        """Business seconds of an open visit until the month's end, or now."""
        calendar = self.calendars.of(visit.owner_id)
        until = max(visit.entered_at, self.span.until)
        return int(calendar.elapsed(visit.entered_at, until, "business").total_seconds())

    def team_of(self, person_id: str) -> str | None:
        """The person's team at the month's end."""
        return self.comparison.team_of.get(person_id)

    def name_of(self, person_id: str) -> str:
        """The person's name, the id for an unknown one."""
        person = self.organisation.people.get(person_id)
        return person.name if person else person_id

    def subjects(self, seen: Sequence[str] | None) -> list[str]:
        """Reps who worked here in the month and everybody who left a stage in it, as far as they may be seen."""
        span = self.span
        reps = {one.person_id for one in self.organisation.people.values() if "rep" in one.roles}
        found = {rep for rep in reps if self.organisation.active(rep, span.until)}
        found |= {visit.owner_id for visit in self.visits if visit.left_at and visit.left_at >= span.start}
        return sorted(found if seen is None else found & set(seen))


async def load_month(read: Reader, month: str, as_of: datetime | None = None) -> Month:
    """The month `2026-03` in the tenant's zone, as recorded by `as_of`."""
    calendar = await tenant_calendar(read)
    span = month_span(month, calendar, now_of(read))
    organisation = await load_organisation(read)
    rules = await load_rulebook(read)
    visits = await visits_of(read(STAGES), span, rules, as_of)
    comparison = Comparison.of(visits, organisation.chart(span.until).team_of)
    return Month(span, calendar, await load_calendars(read, span.until), organisation, rules, visits, comparison)

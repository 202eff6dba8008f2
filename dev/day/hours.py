"""The day as its scenes see it: who asks, what time it is, what was planned, what has been checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from dev.clients import Clients
from dev.day.cast import OWNER
from dev.day.checks import Checks
from dev.day.dates import ZONE
from dev.day.plan import Plan, PlannedLead
from dev.timeline import Timeline

Tell = Callable[[datetime, str], None]
"""Tells a person who watches what happens at a local time."""


@dataclass(slots=True)
class Day:
    """A day under way. `lead_ids` and `deal_ids` are by the external id of the planned lead."""

    clients: Clients
    timeline: Timeline
    plan: Plan
    begins: datetime
    tell: Tell
    checks: Checks = field(default_factory=Checks)
    lead_ids: dict[str, str] = field(default_factory=dict)
    deal_ids: dict[str, str] = field(default_factory=dict)

    def at(self, clock: str, days: int = 0) -> datetime:
        """`09:10` or `16:00:01` in Shanghai, so many days after the Monday."""
        day = (self.begins.astimezone(ZONE) + timedelta(days=days)).date()
        return datetime.combine(day, time.fromisoformat(clock), ZONE)

    def come_to(self, clock: str, what: str = "", days: int = 0) -> None:
        """Let time pass until then; everything that is due on the way happens at its own moment."""
        at = self.at(clock, days)
        self.timeline.advance(at)
        if what:
            self.tell(at, what)

    def local(self, instant: str) -> str:
        """An instant of an answer as people say it: `Mon 17:00:01`."""
        return f"{datetime.fromisoformat(instant).astimezone(ZONE):%a %H:%M:%S}"

    @property
    def next_step(self) -> str:
        """When reps plan to go on: Wednesday of the next week. Until it is over, the lead is not silent."""
        return self.at("10:00", days=9).isoformat()

    def lead_path(self, lead: PlannedLead) -> str:
        """Where a lead answers."""
        return f"/v1/leads/{self.lead_ids[lead.external_id]}"

    def deal_path(self, lead: PlannedLead) -> str:
        """Where the deal that became of a lead answers."""
        return f"/v1/opportunities/{self.deal_ids[lead.external_id]}"

    def lead(self, lead: PlannedLead) -> Any:
        """A lead as the process owner sees it now."""
        return self.clients.get(OWNER.person_id, "lead-routing", self.lead_path(lead))

    def owner_of(self, lead: PlannedLead) -> str:
        """Who has a lead now."""
        return str(self.lead(lead)["owner_id"])

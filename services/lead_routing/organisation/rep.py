"""A person of the sales organisation, as far as decisions need it, and what each fact changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from libs.events.contracts.lead_routing import (
    RepCapacitySet,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepSkillSet,
    RepTransferred,
)
from libs.events.deciding import StreamKind
from libs.rules.calendars import Calendar


@dataclass(frozen=True, slots=True)
class Leave:
    """An absence, from `starts_at` up to `ends_at`."""

    starts_at: datetime
    ends_at: datetime
    delegate_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rep:
    """A person of the sales organisation, as far as decisions need it. `since` is when the person began."""

    known: bool = False
    active: bool = False
    name: str = ""
    roles: tuple[str, ...] = ()
    team_id: str | None = None
    department_id: str | None = None
    manager_id: str | None = None
    weight: Decimal = Decimal(1)
    since: datetime | None = None
    max_weighted_load: Decimal | None = None
    daily_new_cap: int | None = None
    skills: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    leaves: Mapping[str, Leave] = field(default_factory=dict)

    def away(self, now: datetime, calendar: Calendar, notice: timedelta) -> bool:
        """On leave, which begins `notice` of business time before its start (3.1.3-4)."""
        return any(
            now < leave.ends_at
            and (leave.starts_at <= now or calendar.elapsed(now, leave.starts_at, "business") <= notice)
            for leave in self.leaves.values()
        )


def evolve(rep: Rep, fact: Any) -> Rep:
    """What a fact changes of a person."""
    match fact:
        case RepRegistered():
            return replace(
                rep,
                known=True,
                active=True,
                name=fact.name,
                roles=tuple(fact.roles),
                team_id=fact.team_id,
                department_id=fact.department_id,
                manager_id=fact.manager_id,
                weight=fact.weight,
                since=fact.effective_from,
            )
        case RepTransferred():
            return replace(rep, team_id=fact.team_id, department_id=fact.department_id or rep.department_id)
        case RepManagerChanged():
            return replace(rep, manager_id=fact.manager_id)
        case RepSkillSet():
            skills = {skill.value: skill.strength for skill in fact.skills}
            return replace(rep, skills={**rep.skills, fact.dimension: skills})
        case RepCapacitySet():
            return replace(rep, max_weighted_load=fact.max_weighted_load, daily_new_cap=fact.daily_new_cap)
        case RepLeavePlanned():
            leave = Leave(fact.starts_at, fact.ends_at, fact.delegate_id)
            return replace(rep, leaves={**rep.leaves, fact.leave_id: leave})
        case RepLeaveCancelled():
            return replace(rep, leaves={key: one for key, one in rep.leaves.items() if key != fact.leave_id})
        case RepDeactivated():
            return replace(rep, active=False)
        case _:
            return rep


REP = StreamKind("rep", Rep(), evolve)

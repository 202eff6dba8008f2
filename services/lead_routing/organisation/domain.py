"""People: what is known of a rep, and the decisions that change it (domain.md 3.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, Field, model_validator

from libs.events.contracts.common import Role
from libs.events.contracts.lead_routing import (
    Dimension,
    RepCapacitySet,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepSkillSet,
    RepTransferred,
    Skill,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.service.organisation import Reach
from services.lead_routing.organisation.rep import REP, Rep, evolve

Strength = Annotated[Decimal, Field(ge=0, le=1, decimal_places=4)]
Load = Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=4)]


class OnRep(Command):
    """Names the person that a command is about."""

    rep_id: Id


C = TypeVar("C", bound=OnRep)


class RegisterRep(OnRep):
    """Let a person work here, from `effective_from` on."""

    name: Line
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=7)]
    team_id: Id | None = None
    department_id: Id | None = None
    manager_id: Id | None = None
    weight: Annotated[Decimal, Field(gt=0, le=1, decimal_places=4)] = Decimal(1)
    effective_from: AwareDatetime | None = None


class SetManager(OnRep):
    """Let a person report to another one; None for nobody."""

    manager_id: Id | None


class SetTeam(OnRep):
    """Move a person to a team."""

    team_id: Id
    department_id: Id | None = None


class SkillOf(Command):
    """A value of a dimension, and how strong the person is in it."""

    value: Line
    strength: Strength = Decimal(1)


class SetSkills(OnRep):
    """Say what a person is good at in one dimension."""

    dimension: Dimension
    skills: Annotated[tuple[SkillOf, ...], Field(max_length=100)]


class SetCapacity(OnRep):
    """Say how much a person can carry, and how many new leads a day."""

    max_weighted_load: Load
    daily_new_cap: Annotated[int, Field(ge=0, le=1_000)]


class PlanLeave(OnRep):
    """Let a person be away; the delegate stands in."""

    leave_id: Id
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    delegate_id: Id | None = None

    @model_validator(mode="after")
    def _forward(self) -> PlanLeave:
        if self.ends_at <= self.starts_at:
            raise ValueError("a leave ends after it starts")
        return self


class CancelLeave(OnRep):
    """A planned leave does not happen, or ends now."""

    leave_id: Id


class DeactivateRep(OnRep):
    """A person no longer works here."""

    reason: Annotated[Text, Field(min_length=1)]


def _streams(states: States, command: OnRep, given: Given) -> list[StreamOf[Any]]:
    return [REP.of(command.rep_id)]


def _existing(states: States, command: OnRep, given: Given) -> Rep:
    """The person, if whoever asks may see them."""
    rep = states[REP.of(command.rep_id)]
    if not rep.known or not (given[Reach].covers(command.rep_id) or command.rep_id == given.actor.id):
        raise NotFound("rep", command.rep_id)
    if not rep.active:
        raise Rejected("CONFLICT_STATE", "this person no longer works here")
    return rep


def _refuse_circle(rep_id: str, manager_id: str | None, reach: Reach) -> None:
    """A reporting line that came back to the person would have no end."""
    above, seen = manager_id, set[str]()
    while above is not None and above not in seen:
        if above == rep_id:
            raise Rejected("CONFLICT_STATE", "the reporting line would come back to the person it starts from")
        seen.add(above)
        above = reach.manager_of(above)


def _register(states: States, command: RegisterRep, given: Given) -> list[Fact]:
    rep = states[REP.of(command.rep_id)]
    _refuse_circle(command.rep_id, command.manager_id, given[Reach])
    registered = RepRegistered(
        rep_id=command.rep_id,
        name=command.name,
        roles=list(command.roles),
        team_id=command.team_id,
        department_id=command.department_id,
        manager_id=command.manager_id,
        weight=command.weight,
        effective_from=command.effective_from or given.now,
    )
    if not rep.active:
        return [registered]
    if replace(evolve(rep, registered), since=rep.since) == rep:
        return []
    raise Rejected("CONFLICT_STATE", "somebody with this id works here already")


def _set_manager(states: States, command: SetManager, given: Given) -> list[Fact]:
    if _existing(states, command, given).manager_id == command.manager_id:
        return []
    _refuse_circle(command.rep_id, command.manager_id, given[Reach])
    return [RepManagerChanged(rep_id=command.rep_id, manager_id=command.manager_id, effective_from=given.now)]


def _set_team(states: States, command: SetTeam, given: Given) -> list[Fact]:
    rep = _existing(states, command, given)
    if (rep.team_id, command.department_id or rep.department_id) == (command.team_id, rep.department_id):
        return []
    return [
        RepTransferred(
            rep_id=command.rep_id,
            team_id=command.team_id,
            department_id=command.department_id,
            effective_from=given.now,
        )
    ]


def _set_skills(states: States, command: SetSkills, given: Given) -> list[Fact]:
    wanted = {skill.value: skill.strength for skill in command.skills}
    if _existing(states, command, given).skills.get(command.dimension, {}) == wanted:
        return []
    skills = [Skill(value=value, strength=strength) for value, strength in wanted.items()]
    return [RepSkillSet(rep_id=command.rep_id, dimension=command.dimension, skills=skills)]


def _set_capacity(states: States, command: SetCapacity, given: Given) -> list[Fact]:
    rep = _existing(states, command, given)
    if (rep.max_weighted_load, rep.daily_new_cap) == (command.max_weighted_load, command.daily_new_cap):
        return []
    return [RepCapacitySet(**command.model_dump())]


def _plan_leave(states: States, command: PlanLeave, given: Given) -> list[Fact]:
    rep = _existing(states, command, given)
    if command.ends_at <= given.now:
        raise Rejected("VALIDATION", "this leave is over already")
    if command.delegate_id == command.rep_id:
        raise Rejected("VALIDATION", "nobody stands in for themselves")
    planned = RepLeavePlanned(**command.model_dump())
    return [] if evolve(rep, planned) == rep else [planned]


def _cancel_leave(states: States, command: CancelLeave, given: Given) -> list[Fact]:
    if command.leave_id not in _existing(states, command, given).leaves:
        return []
    return [RepLeaveCancelled(rep_id=command.rep_id, leave_id=command.leave_id, cancelled_at=given.now)]


def _deactivate(states: States, command: DeactivateRep, given: Given) -> list[Fact]:
    rep = states[REP.of(command.rep_id)]
    if rep.known and not rep.active:
        return []
    _existing(states, command, given)
    return [RepDeactivated(rep_id=command.rep_id, reason=command.reason, deactivated_at=given.now)]


def _decider(name: str, decide: Callable[[States, C, Given], list[Fact]]) -> Decider[C]:
    return Decider(name, _streams, decide, consults=(Reach,))


REGISTER = _decider("register-rep", _register)
SET_MANAGER = _decider("set-manager", _set_manager)
SET_TEAM = _decider("set-team", _set_team)
SET_SKILLS = _decider("set-skills", _set_skills)
SET_CAPACITY = _decider("set-capacity", _set_capacity)
PLAN_LEAVE = _decider("plan-leave", _plan_leave)
CANCEL_LEAVE = _decider("cancel-leave", _cancel_leave)
DEACTIVATE = _decider("deactivate-rep", _deactivate)

"""People, teams and departments."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.events.contracts.lead_routing import (
    RepCapacitySet,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepSkillSet,
    RepTransferred,
    TeamRegistered,
)
from libs.events.errors import NotFound
from libs.events.testing import given
from libs.service.organisation import Organisation, Reach
from libs.service.people import ReportingRow
from services.lead_routing.organisation.domain import (
    CANCEL_LEAVE,
    DEACTIVATE,
    PLAN_LEAVE,
    REGISTER,
    SET_CAPACITY,
    SET_MANAGER,
    SET_SKILLS,
    SET_TEAM,
    CancelLeave,
    DeactivateRep,
    PlanLeave,
    RegisterRep,
    SetCapacity,
    SetManager,
    SetSkills,
    SetTeam,
)
from services.lead_routing.tests.scenes import EVERYTHING, NOON, reach
from services.lead_routing.units.domain import REGISTER_TEAM, RegisterTeam

LI = RepRegistered(rep_id="li", name="李", roles=["rep"], team_id="east", effective_from=NOON)


def test_a_person_is_registered_once_and_can_return() -> None:
    register = RegisterRep(rep_id="li", name="李", roles=("rep",), team_id="east")
    gone = RepDeactivated(rep_id="li", reason="离职", deactivated_at=NOON)
    given(REGISTER).when(register, NOON, EVERYTHING).then(LI)
    given(REGISTER, LI).when(register, NOON + timedelta(days=1), EVERYTHING).then()
    given(REGISTER, LI, gone).when(register, NOON, EVERYTHING).then(LI)
    other = register.model_copy(update={"name": "利"})
    given(REGISTER, LI).when(other, NOON, EVERYTHING).then_rejected("CONFLICT_STATE")


def test_a_reporting_line_never_comes_back_to_where_it_starts() -> None:
    below = Organisation([ReportingRow("zhou", NOON, "li")])
    knows = Reach(person_id="he", organisation=below, at=NOON, everything=True)
    given(SET_MANAGER, LI).when(SetManager(rep_id="li", manager_id="zhou"), NOON, knows).then_rejected("CONFLICT_STATE")
    given(SET_MANAGER, LI).when(SetManager(rep_id="li", manager_id="sun"), NOON, knows).then(
        RepManagerChanged(rep_id="li", manager_id="sun", effective_from=NOON)
    )


def test_what_is_so_already_is_not_said_again() -> None:
    capacity = SetCapacity.model_validate({"rep_id": "li", "max_weighted_load": 20, "daily_new_cap": 5})
    skills = SetSkills.model_validate(
        {"rep_id": "li", "dimension": "region", "skills": [{"value": "jiangsu", "strength": "0.8"}]}
    )
    for decider, command, kind in (
        (SET_CAPACITY, capacity, RepCapacitySet),
        (SET_SKILLS, skills, RepSkillSet),
        (SET_TEAM, SetTeam(rep_id="li", team_id="west"), RepTransferred),
    ):
        said = given(decider, LI).when(command, NOON, EVERYTHING).fact(kind)
        given(decider, LI, said).when(command, NOON, EVERYTHING).then()


def test_a_leave_can_be_planned_and_cancelled_by_the_person() -> None:
    plan = PlanLeave(
        rep_id="li", leave_id="1", starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=2), delegate_id="w"
    )
    planned = given(PLAN_LEAVE, LI).when(plan, NOON, reach("li")).fact(RepLeavePlanned)
    given(PLAN_LEAVE, LI, planned).when(plan, NOON, reach("li")).then()
    cancel = CancelLeave(rep_id="li", leave_id="1")
    given(CANCEL_LEAVE, LI, planned).when(cancel, NOON, reach("li")).then(
        RepLeaveCancelled(rep_id="li", leave_id="1", cancelled_at=NOON)
    )
    given(CANCEL_LEAVE, LI).when(cancel, NOON, reach("li")).then()
    with pytest.raises(NotFound):
        given(PLAN_LEAVE, LI).when(plan, NOON, reach("wang"))


def test_who_no_longer_works_here_is_changed_no_more() -> None:
    gone = given(DEACTIVATE, LI).when(DeactivateRep(rep_id="li", reason="离职"), NOON, EVERYTHING).fact(RepDeactivated)
    given(DEACTIVATE, LI, gone).when(DeactivateRep(rep_id="li", reason="离职"), NOON, EVERYTHING).then()
    given(SET_TEAM, LI, gone).when(SetTeam(rep_id="li", team_id="w"), NOON, EVERYTHING).then_rejected("CONFLICT_STATE")


def test_registering_a_team_again_changes_it() -> None:
    east = TeamRegistered(team_id="east", name="华东")
    given(REGISTER_TEAM).when(RegisterTeam(team_id="east", name="华东"), NOON).then(east)
    given(REGISTER_TEAM, east).when(RegisterTeam(team_id="east", name="华东"), NOON).then()
    given(REGISTER_TEAM, east).when(RegisterTeam(team_id="east", name="华东一"), NOON).fact(TeamRegistered)

"""Who reports to whom at which instant, who stands in, and whose work a person may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from libs.events.contracts.lead_routing import (
    DepartmentRegistered,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepTransferred,
    TeamRegistered,
)
from libs.events.facts import Fact
from libs.events.testing.folding import NOON, fold_all, recorded
from libs.rules.tests.shuffling import interleavings
from libs.service.organisation import Organisation, Reach
from libs.service.people import PEOPLE, PersonRow

DAY = timedelta(days=1)


def person(rep_id: str, *roles: Any, **more: Any) -> RepRegistered:
    return RepRegistered(rep_id=rep_id, name=rep_id.title(), roles=list(roles) or ["rep"], effective_from=NOON, **more)


FACTS: tuple[Fact, ...] = (
    DepartmentRegistered(department_id="sales", name="Sales", head_id="sun"),
    DepartmentRegistered(department_id="delivery", name="Delivery", head_id="wu"),
    TeamRegistered(team_id="east", name="East", department_id="sales", region="华东"),
    TeamRegistered(team_id="west", name="West", department_id="sales"),
    TeamRegistered(team_id="delivery", name="Delivery", department_id="delivery"),
    person("he", "process-owner"),
    person("sun", "director", department_id="sales"),
    person("zhou", "manager", team_id="east", manager_id="sun"),
    person("feng", "manager", team_id="east", manager_id="zhou"),
    person("li", team_id="east", manager_id="feng"),
    person("wang", team_id="west"),
    person("wu", "manager", team_id="delivery"),
    person("qian", team_id="delivery", manager_id="wu"),
    RepManagerChanged(rep_id="li", manager_id="zhou", effective_from=NOON + 10 * DAY),
    RepTransferred(rep_id="li", team_id="delivery", effective_from=NOON + 20 * DAY),
    RepLeavePlanned(rep_id="li", leave_id="l1", starts_at=NOON + DAY, ends_at=NOON + 5 * DAY, delegate_id="wang"),
)


def organisation(*more: Fact) -> Organisation:
    return Organisation(row for _, _, row in fold_all(PEOPLE, recorded(*FACTS, *more)))


def reach(*more: Fact, who: str = "he", role: str = "process-owner", days: int = 0) -> Reach:
    return Reach(who, frozenset({role}), organisation(*more), NOON + days * DAY)


@given(interleavings(recorded(*FACTS, RepDeactivated(rep_id="li", reason="left", deactivated_at=NOON + 30 * DAY))))
@settings(max_examples=60, deadline=None)
def test_any_order_of_streams_gives_the_same_rows(facts: list[Any]) -> None:
    last = RepDeactivated(rep_id="li", reason="left", deactivated_at=NOON + 30 * DAY)
    assert fold_all(PEOPLE, facts) == fold_all(PEOPLE, recorded(*FACTS, last))


def test_the_supervisor_is_the_one_at_that_moment() -> None:
    """3.0 Organisation: resolved as of the moment of the fact."""
    now = reach(days=15)
    assert now.manager_of("li") == "zhou"
    assert now.manager_of("li", NOON) == "feng"
    assert now.manager_of("li", NOON + 10 * DAY - timedelta(seconds=1)) == "feng"


def test_a_transfer_counts_from_its_date() -> None:
    now = reach()
    assert [now.department_of("li", NOON + days * DAY) for days in (19, 20)] == ["sales", "delivery"]
    assert [now.team_of("li", NOON + days * DAY) for days in (19, 20)] == ["east", "delivery"]


def test_a_transfer_recorded_late_does_not_hide_a_later_one() -> None:
    earlier = RepTransferred(rep_id="li", team_id="west", effective_from=NOON + 2 * DAY)
    assert reach(earlier).team_of("li", NOON + 3 * DAY) == "west"
    assert organisation(earlier).people["li"].team_id == "delivery"


@pytest.mark.parametrize(
    ("person_id", "superior"),
    [
        pytest.param("li", "feng", id="the manager"),
        pytest.param("wang", "sun", id="without a manager, the head of the department"),
        pytest.param("sun", "he", id="the head of the department has the process owner"),
        pytest.param("wu", "he", id="nobody is their own superior"),
        pytest.param("he", None, id="above the process owner there is nobody"),
        pytest.param("stranger", "he", id="somebody unknown"),
    ],
)
def test_the_superior_is_manager_then_department_head_then_process_owner(person_id: str, superior: str | None) -> None:
    """3.0 Organisation, Appendix C 4"""
    assert reach().superior_of(person_id) == superior


def test_a_manager_who_has_left_is_nobodys_superior() -> None:
    left = RepDeactivated(rep_id="feng", reason="left", deactivated_at=NOON + DAY)
    assert reach(left).superior_of("li", NOON) == "feng"
    assert reach(left).superior_of("li", NOON + DAY) == "sun"


def test_who_is_away_has_a_delegate_until_the_leave_ends() -> None:
    now = reach()
    assert [now.delegate_of("li", NOON + days * DAY) for days in (0, 1, 4, 5)] == [None, "wang", "wang", None]


def test_a_cancelled_leave_ends_at_once_or_never_begins() -> None:
    def cancelled(days: int) -> Reach:
        return reach(RepLeaveCancelled(rep_id="li", leave_id="l1", cancelled_at=NOON + days * DAY))

    assert [cancelled(2).on_leave("li", NOON + days * DAY) for days in (1, 2, 3)] == [True, False, False]
    assert not cancelled(0).on_leave("li", NOON + DAY)
    assert cancelled(7).on_leave("li", NOON + DAY)


@pytest.mark.parametrize(
    ("who", "role", "seen"),
    [
        ("li", "rep", {"li"}),
        ("zhou", "manager", {"zhou", "feng", "li"}),
        ("feng", "manager", {"feng", "li"}),
        ("sun", "director", {"sun", "zhou", "feng", "li", "wang"}),
        ("qian", "director", {"qian", "wu"}),
    ],
)
def test_roles_see_themselves_their_line_or_their_department(who: str, role: str, seen: set[str]) -> None:
    assert organisation().visible_to(who, frozenset({role}), NOON) == seen


@pytest.mark.parametrize("role", ["process-owner", "operator", "auditor", "integration"])
def test_some_roles_see_everybody(role: str) -> None:
    assert organisation().visible_to("x", frozenset({role}), NOON) is None


def test_who_stands_in_sees_the_work_of_the_absent() -> None:
    assert organisation().visible_to("wang", frozenset({"rep"}), NOON + DAY) == {"wang", "li"}


def test_a_circle_of_managers_ends_where_it_began() -> None:
    circle = RepManagerChanged(rep_id="zhou", manager_id="li", effective_from=NOON)
    assert organisation(circle).visible_to("zhou", frozenset({"manager"}), NOON) == {"zhou", "feng", "li"}


def test_a_reach_covers_what_its_person_may_see() -> None:
    manager = reach(who="zhou", role="manager")
    assert [manager.covers(one) for one in ("zhou", "li", "wang", "stranger", None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert Reach(everything=True).covers(None)


def test_an_unknown_person_has_nothing() -> None:
    now = reach()
    assert (now.exists("stranger"), now.active("stranger"), now.name_of("stranger")) == (False, False, "stranger")
    assert (now.manager_of("stranger"), now.head_of_department_of("stranger")) == (None, None)


def test_registering_again_replaces_what_was_known_and_brings_back() -> None:
    again = RepRegistered(rep_id="li", name="Li Na", roles=["rep", "manager"], effective_from=NOON + 40 * DAY)
    left = RepDeactivated(rep_id="li", reason="left", deactivated_at=NOON + 30 * DAY)
    people: dict[str, PersonRow] = dict(organisation(left, again).people)
    assert (people["li"].name, people["li"].active, people["li"].manager_id) == ("Li Na", True, None)

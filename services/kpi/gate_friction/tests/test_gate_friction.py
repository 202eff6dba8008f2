"""F4: three refusals of three reps at one gate on one local day."""

from collections.abc import Callable
from datetime import date, datetime
from itertools import permutations
from uuid import UUID

from dev.provision import Database
from libs.events.contracts.examples.kpi import EXAMPLES
from libs.events.contracts.kpi import GateFrictionFound
from libs.events.projecting import Group
from libs.events.testing.decisions import given
from libs.events.testing.folding import fold_all, recorded
from libs.rules.calendars import Calendars
from services.kpi.gate_friction.api import _DAYS
from services.kpi.gate_friction.domain import FIND_GATE_FRICTION, FindGateFriction, Seen
from services.kpi.gate_friction.projections import FRICTIONS, RECENT_REJECTIONS, RecentRejection
from services.kpi.gate_friction.reactions import react
from services.kpi.process_health.tests.deals import day, opened, refused
from services.kpi.stages.projections import STAGES
from services.kpi.tests.tables import filled

CALENDARS = Calendars.default()
NOW = day(3, 18)


def seen(number: int, rep: str, at: datetime, *missing: str) -> Seen:
    return Seen(event_id=f"event-{number}", requested_by=rep, missing=list(missing or ("budget",)), rejected_at=at)


THREE = [
    seen(1, "li", day(3, 9), "budget", "minutes"),
    seen(2, "wang", day(3, 10)),
    seen(3, "chen", day(3, 11)),
]
FOUND = GateFrictionFound(
    stage="demand_diagnosis",
    day=date(2026, 3, 3),
    rejections=3,
    reps=["chen", "li", "wang"],
    missing={"budget": 3, "minutes": 1},
    evidence=["event-1", "event-2", "event-3"],
    found_at=NOW,
)


def find(*rejections: Seen) -> FindGateFriction:
    return FindGateFriction(
        stage="demand_diagnosis", rejected_at=max(one.rejected_at for one in rejections), seen=list(rejections)
    )


def test_three_refusals_of_three_reps_are_a_finding() -> None:
    """F4, S-65"""
    given(FIND_GATE_FRICTION).when(find(*THREE), NOW, CALENDARS).then(FOUND)


def test_three_refusals_of_two_reps_are_none() -> None:
    """F4"""
    again = seen(3, "li", day(3, 11))
    given(FIND_GATE_FRICTION).when(find(*THREE[:2], again), NOW, CALENDARS).then()


def test_a_refusal_of_the_day_before_does_not_count() -> None:
    """The local day begins at midnight in Shanghai, 16:00 in UTC."""
    yesterday = seen(1, "li", day(2, 23.9))
    given(FIND_GATE_FRICTION).when(find(yesterday, *THREE[1:]), NOW, CALENDARS).then()
    just_after = seen(1, "li", day(3, 0))
    assert given(FIND_GATE_FRICTION).when(find(just_after, *THREE[1:]), NOW, CALENDARS).facts


def test_a_gate_is_found_once_a_day() -> None:
    """F4: once per stage and day"""
    given(FIND_GATE_FRICTION, FOUND).when(find(*THREE, seen(4, "zhao", day(3, 12))), NOW, CALENDARS).then()
    tomorrow = [seen(10 + n, rep, day(4, 9 + n)) for n, rep in enumerate(("li", "wang", "chen"))]
    assert given(FIND_GATE_FRICTION, FOUND).when(find(*THREE, *tomorrow), NOW, CALENDARS).facts


def test_the_reaction_asks_with_the_refusals_of_the_gate() -> None:
    facts = recorded(*(refused(f"d-{rep}", rep, ["budget"], day(3)) for rep in ("li", "wang", "chen")))
    rows = tuple(row for _, _, row in fold_all(RECENT_REJECTIONS, facts))
    (attempt,) = react(facts[-1], Group("demand_diagnosis", rows))
    assert isinstance(attempt.command, FindGateFriction)
    assert {one.requested_by for one in attempt.command.seen} == {"li", "wang", "chen"}


def test_refusals_of_the_last_two_days_stay_in_whatever_order_they_come() -> None:
    facts = recorded(*(refused(f"d-{n}", "li", ["budget"], day(n)) for n in (1, 2, 3, 4)))
    expected = fold_all(RECENT_REJECTIONS, facts)
    assert [row.rejected_at for _, _, row in expected if isinstance(row, RecentRejection)]
    assert len(expected) == 2
    for order in permutations(facts):
        assert fold_all(RECENT_REJECTIONS, order) == expected


async def test_the_report_counts_refusals_by_gate_and_day(database: Callable[[str], Database]) -> None:
    """S-65"""
    story = [refused(f"d-{rep}", rep, ["budget", rep], day(3)) for rep in ("li", "wang", "chen")]
    story += [opened("x", "li", day(1)), refused("x", "li", ["minutes"], day(4, 1), stage="quotation")]
    story += [(fact, at) for fact, at in EXAMPLES if isinstance(fact, GateFrictionFound)]
    async with filled(database("kpi"), recorded(*story), STAGES, FRICTIONS) as tables:
        everybody = await tables.fetch(_DAYS, "Asia/Shanghai", None, None, None, None, None, None, 10)
        only_li = await tables.fetch(
            _DAYS, "Asia/Shanghai", None, None, None, ["li"], date(2026, 3, 4), "quotation", 10
        )
    assert [(row["stage"], row["day"].day, row["rejections"], row["reps"]) for row in everybody] == [
        ("quotation", 4, 1, 1),
        ("demand_diagnosis", 3, 3, 3),
    ]
    assert everybody[1]["missing"] == {"budget": 3, "li": 1, "wang": 1, "chen": 1}
    assert isinstance(everybody[1]["event_id"], UUID)
    assert [(row["day"].day, row["rejections"]) for row in only_li] == [(3, 1)]

"""What the story adds up to: a gate that stopped three reps on one day, and a figure that a late fact changed."""

from __future__ import annotations

from datetime import date, datetime

from libs.events.contracts.examples.ids import REP_CHEN, REP_LI, REP_WANG, at
from libs.events.contracts.kpi import GateFrictionFound, MetricRestated
from libs.events.facts import Fact

EXAMPLES: list[tuple[Fact, datetime]] = [
    (
        GateFrictionFound(
            stage="demand_diagnosis",
            day=date(2026, 3, 3),
            rejections=3,
            reps=[REP_CHEN, REP_LI, REP_WANG],
            missing={"budget_confirmation_screenshot": 3, "meeting_minutes": 1},
            evidence=[f"01906a00-0000-7000-8000-00000000070{n}" for n in (1, 2, 3)],
            found_at=at(30),
        ),
        at(30),
    ),
    (
        MetricRestated(
            code="action_completion_effective",
            subject=REP_LI,
            period="2026-02",
            old="0.9250",
            new="0.9275",
            causes=["01906a00-0000-7000-8000-000000000704"],
            restated_at=at(240),
        ),
        at(240),
    ),
]

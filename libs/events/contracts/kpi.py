"""Facts the kpi service writes: what the facts of the others add up to, where somebody must act on it."""

from __future__ import annotations

from datetime import date

from libs.events.contracts.common import Identity, Label
from libs.events.facts import Fact, Instant


class KpiFact(Fact, owner="kpi"):
    """A fact of this service."""


class GateFrictionFound(KpiFact, type="gate-friction-found.v1", stream="gate-friction-{stage}-{day}", partners=True):
    """A gate said no to at least three reps, three times or more, on one local day (F4, S-65)."""

    stage: Identity
    day: date
    rejections: int
    reps: list[Identity]
    missing: dict[str, int]
    evidence: list[Identity]
    found_at: Instant


class MetricRestated(KpiFact, type="metric-restated.v1", stream="metric-{code}-{subject}-{period}"):
    """A late fact changed a figure of a period that had been reported."""

    code: Label
    subject: Identity
    period: Label
    old: str | None = None
    new: str | None = None
    causes: list[Identity]
    restated_at: Instant

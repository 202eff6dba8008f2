"""Formulas of process health as pure functions over Decimals (domain.md 4.2 to 4.5); rounding is only for display."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

DEFINITION_VERSION = 1
PRIOR_VISITS = 5
WINSORISED_SHARE = Decimal("0.05")
TEAM_VISITS = 20
IMPLAUSIBLY_FAST = Decimal("0.6")
BACKFILL_WORTH = Decimal("0.5")
MIN_VISITS = 5
MIN_REQUIRED = 20
MIN_COVERAGE = Decimal("0.6")
DWELL_WEIGHT, ACTION_WEIGHT, JUMP_WEIGHT = Decimal("0.40"), Decimal("0.40"), Decimal("0.20")
JUMPS_OF_ZERO = Decimal(20)
ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)


def displayed(value: Decimal, digits: int = 1) -> Decimal:
    """Rounded half up, for people to read."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def winsorised_mean(values: Sequence[int]) -> Decimal | None:
    """The mean after the lowest and the highest 5 % were set to their nearest kept neighbours; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    cut = int(len(ordered) * WINSORISED_SHARE)
    kept = ordered[cut : len(ordered) - cut]
    return Decimal(sum(kept) + cut * (kept[0] + kept[-1])) / len(ordered)


def reference_dwell(team: Sequence[int], tenant: Sequence[int]) -> Decimal | None:
    """μ of a stage: the mean of the team's visits without the rep's own, below 20 of them that of the tenant's."""
    mean = winsorised_mean(team if len(team) >= TEAM_VISITS else tenant)
    return mean or None


def shrunk(total: Decimal, n: int, reference: Decimal, prior: int = PRIOR_VISITS) -> Decimal:
    """x̃ = (Σx + k·μ)/(n + k): a mean of few visits is drawn towards the reference, not hidden."""
    return (total + prior * reference) / (n + prior)


@dataclass(frozen=True, slots=True)
class StageDwell:
    """A rep's visits to one stage: how many, their (shrunk) mean and the reference, both in the same unit."""

    stage: str
    n: int
    mean: Decimal
    reference: Decimal

    @property
    def deviation(self) -> Decimal:
        """d = (x̃ − μ)/μ; positive is slower than the others."""
        return (self.mean - self.reference) / self.reference


@dataclass(frozen=True, slots=True)
class DwellDeviation:
    """4.2 as fractions: `rate` is DDR, `signed` the mean with its sign, `scored` DDR⁺."""

    rate: Decimal
    signed: Decimal
    scored: Decimal
    worst: StageDwell
    n: int


def dwell_deviation(stages: Iterable[StageDwell]) -> DwellDeviation | None:
    """DDR, signed mean and DDR⁺ over the stages, weighted by visits; None without a visit."""
    counted = [stage for stage in stages if stage.n]
    n = sum(stage.n for stage in counted)
    if not n:
        return None
    worst = max(counted, key=lambda stage: (abs(stage.deviation), stage.stage))
    return DwellDeviation(
        rate=sum((stage.n * abs(stage.deviation) for stage in counted), ZERO) / n,
        signed=sum((stage.n * stage.deviation for stage in counted), ZERO) / n,
        scored=sum((stage.n * _scored(stage.deviation) for stage in counted), ZERO) / n,
        worst=worst,
        n=n,
    )


def _scored(deviation: Decimal) -> Decimal:
    """Slower counts; faster only when it is implausible."""
    return max(ZERO, deviation) + max(ZERO, -deviation - IMPLAUSIBLY_FAST)


@dataclass(frozen=True, slots=True)
class Packages:
    """The action packages of some stage exits, counted; `full` exits had everything on time."""

    required: int = 0
    on_time: int = 0
    backfilled: int = 0
    waived: int = 0
    deferred: int = 0
    exits: int = 0
    full: int = 0

    @property
    def due(self) -> int:
        """What had to be there: a waived item never, a deferred one not yet."""
        return self.required - self.waived - self.deferred

    @property
    def missing(self) -> int:
        """What was due and is not there."""
        return max(0, self.due - self.on_time - self.backfilled)

    @property
    def raw(self) -> Decimal | None:
        """AC_raw, by which targets and streaks go (4.3); None when nothing was due."""
        return Decimal(self.on_time) / self.due if self.due > 0 else None

    @property
    def effective(self) -> Decimal | None:
        """AC_eff: what was backfilled with approval is worth half."""
        return (self.on_time + BACKFILL_WORTH * self.backfilled) / self.due if self.due > 0 else None

    @property
    def integrity(self) -> Decimal | None:
        """The share of stage exits with all of their package on time; None without an exit."""
        return Decimal(self.full) / self.exits if self.exits else None


@dataclass(frozen=True, slots=True)
class Jumps:
    """Moves between stages and visits, counted; a move over several stages counts once."""

    transitions: int = 0
    skips: int = 0
    back: int = 0
    visits: int = 0
    repeated: int = 0

    @property
    def frequency(self) -> Decimal | None:
        """JF per 100 transitions (4.4); None without a transition."""
        return HUNDRED * (self.skips + self.back) / self.transitions if self.transitions else None

    @property
    def rework(self) -> Decimal | None:
        """The share of visits beyond the first; reported, not scored."""
        return Decimal(self.repeated) / self.visits if self.visits else None


@dataclass(frozen=True, slots=True)
class Score:
    """4.5: `value` from 0 to 100, None for a neutral month; `coverage` is the weight of the parts that had data."""

    value: Decimal | None
    coverage: Decimal


def process_health(dwell: Decimal | None, action: Decimal | None, jumps: Decimal | None) -> Score:
    """PHS of DDR⁺, AC_raw (fractions) and JF (per 100); a part without data leaves its weight to the others."""
    parts = [
        (DWELL_WEIGHT, None if dwell is None else max(ZERO, ONE - dwell)),
        (ACTION_WEIGHT, action),
        (JUMP_WEIGHT, None if jumps is None else max(ZERO, ONE - jumps / JUMPS_OF_ZERO)),
    ]
    known = [(weight, part) for weight, part in parts if part is not None]
    coverage = sum((weight for weight, _ in known), ZERO)
    if coverage < MIN_COVERAGE:
        return Score(None, coverage)
    return Score(HUNDRED * sum((weight * part for weight, part in known), ZERO) / coverage, coverage)


def not_enough(visits: int, required: int) -> list[str]:
    """Why a month is neutral (3.5.6): too little happened to judge it. Empty when there is enough."""
    why = []
    if visits < MIN_VISITS:
        why.append(f"{visits} stage visits, {MIN_VISITS} are needed")
    if required < MIN_REQUIRED:
        why.append(f"{required} required actions, {MIN_REQUIRED} are needed")
    return why

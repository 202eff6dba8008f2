"""Finding that a gate stops many: three refusals or more, of three reps or more, on one local day (F4, S-65)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.events.contracts.kpi import GateFrictionFound
from libs.events.deciding import Command, Decider, Given, States, StreamKind, StreamOf
from libs.events.facts import Fact
from libs.rules.calendars import Calendars

REJECTIONS = 3
REPS = 3
MAX_SEEN = 2_000

Name = Annotated[str, Field(min_length=1, max_length=80)]


class Seen(BaseModel):
    """A refusal of the gate, and what was missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: Name
    requested_by: Name
    missing: Annotated[list[Name], Field(max_length=200)]
    rejected_at: AwareDatetime


class FindGateFriction(Command):
    """A gate said no at that instant; `seen` are its refusals of the days around."""

    stage: Name
    rejected_at: AwareDatetime
    seen: Annotated[list[Seen], Field(max_length=MAX_SEEN)]


@dataclass(frozen=True, slots=True)
class FrictionDay:
    """What is known of a gate and a local day."""

    found: bool = False


def evolve(state: FrictionDay, fact: Fact) -> FrictionDay:
    """A friction is found once."""
    return FrictionDay(found=True) if isinstance(fact, GateFrictionFound) else state


GATE_FRICTION = StreamKind("gate-friction", FrictionDay(), evolve)


def day_of(command: FindGateFriction, given: Given) -> date:
    """The day in the tenant's zone."""
    return given[Calendars].of(None).local_date(command.rejected_at)


def streams(states: States, command: FindGateFriction, given: Given) -> list[StreamOf[FrictionDay]]:
    """The gate's local day."""
    return [GATE_FRICTION.of(command.stage, day_of(command, given))]


def decide(states: States, command: FindGateFriction, given: Given) -> Sequence[Fact]:
    """One finding a gate and day, with everything seen until then."""
    day = day_of(command, given)
    calendar = given[Calendars].of(None)
    today = {one.event_id: one for one in command.seen if calendar.local_date(one.rejected_at) == day}
    reps = {one.requested_by for one in today.values()}
    known = states[GATE_FRICTION.of(command.stage, day)]
    if known.found or len(today) < REJECTIONS or len(reps) < REPS:
        return []
    missing = Counter(requirement for one in today.values() for requirement in one.missing)
    in_time = sorted(today.values(), key=lambda one: (one.rejected_at, one.event_id))
    return [
        GateFrictionFound(
            stage=command.stage,
            day=day,
            rejections=len(today),
            reps=sorted(reps),
            missing=dict(sorted(missing.items())),
            evidence=[one.event_id for one in in_time],
            found_at=given.now,
        )
    ]


FIND_GATE_FRICTION = Decider("find-gate-friction", streams, decide, consults=(Calendars,))

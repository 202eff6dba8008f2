"""A domain as small as it can be, for tests of the runtime: counters that are started, counted up and closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from libs.events.deciding import Command, Decider, Given, Id, States, StreamKind, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.events.reacting import Attempt, Effect, Reaction


class CounterFact(Fact, owner="lead-routing"):
    """A fact of counters."""


class Counted(CounterFact, type="test-counted.v1", stream="counter-{counter_id}"):
    """One more; `poison` cannot be folded."""

    counter_id: str
    by: int
    at: datetime
    poison: bool = False


class Silent(CounterFact, type="test-silent.v1", stream="counter-{counter_id}"):
    """Nobody counted for an hour."""

    counter_id: str
    due_at: datetime
    fired_at: datetime


class Echoed(Fact, owner="kpi", type="test-echoed.v1", stream="echo-{counter_id}"):
    """Another service heard of it."""

    counter_id: str
    total: int


class Count(Command):
    """Count up by some."""

    counter_id: Id
    by: int = 1
    limit: int = 1_000_000
    poison: bool = False


class Fire(Command):
    """The hour is over."""

    counter_id: Id
    due_at: datetime


class Echo(Command):
    """Tell that it was heard."""

    counter_id: Id


@dataclass(frozen=True, slots=True)
class Counter:
    """What decisions need of a counter."""

    total: int = 0
    silent: bool = False


def evolve(state: Counter, fact: Fact) -> Counter:
    """Add up."""
    match fact:
        case Counted():
            return Counter(state.total + fact.by)
        case Silent():
            return replace(state, silent=True)
        case Echoed():
            return replace(state, total=state.total + 1)
        case _:
            return state


COUNTER = StreamKind("counter", Counter(), evolve)
ECHO = StreamKind("echo", Counter(), evolve)


def counter(states: States, command: Count | Fire, given: Given) -> Sequence[StreamOf[Counter]]:
    """The counter alone."""
    return [COUNTER.of(command.counter_id)]


def decide_count(states: States, command: Count, given: Given) -> Sequence[Fact]:
    """Count, within the limit; a refusal at 666 leaves a record."""
    total = states[COUNTER.of(command.counter_id)].total
    fact = Counted(counter_id=command.counter_id, by=command.by, at=given.now, poison=command.poison)
    if total + command.by == 666:
        raise Rejected("UNLUCKY", "666 is not counted", record=[fact.model_copy(update={"by": 0})])
    if total + command.by > command.limit:
        raise Rejected("LIMIT", "the limit is reached", total=total)
    return [fact] if command.by else []


def decide_fire(states: States, command: Fire, given: Given) -> Sequence[Fact]:
    """Once per silence."""
    if states[COUNTER.of(command.counter_id)].silent:
        return []
    return [Silent(counter_id=command.counter_id, due_at=command.due_at, fired_at=given.now)]


def decide_echo(states: States, command: Echo, given: Given) -> Sequence[Fact]:
    """Always."""
    return [Echoed(counter_id=command.counter_id, total=states[ECHO.of(command.counter_id)].total + 1)]


COUNT = Decider("count", counter, decide_count)
FIRE = Decider("fire", counter, decide_fire)
ECHOING = Decider("echo", lambda states, command, given: [ECHO.of(command.counter_id)], decide_echo)


@dataclass(frozen=True, slots=True)
class CounterRow:
    """A counter as people look at it."""

    counter_id: str
    total: int
    facts: list[str]
    last: datetime | None
    silent: bool


def keys(fact: Fact) -> list[str]:
    """One group per counter."""
    return [fact.counter_id] if isinstance(fact, Counted | Silent) else []


def fold(group: Group, recorded: Recorded[Fact]) -> Sequence[CounterRow]:
    """Add up, and keep the ids."""
    row = group.one(CounterRow) or CounterRow(group.key, 0, [], None, silent=False)
    match recorded.fact:
        case Counted(poison=True):
            raise ValueError("poison")
        case Counted(by=by, at=at):
            facts = [*row.facts, str(recorded.event_id)][-50:]
            return [replace(row, total=row.total + by, facts=facts, last=at, silent=False)]
        case Silent():
            return [replace(row, silent=True)]
        case _:
            return list(group.rows)


def due(row: CounterRow, given: Given) -> datetime | None:
    """An hour after the last count."""
    return None if row.silent or row.last is None else row.last + timedelta(hours=1)


COUNTERS_TABLE = Table("counters", CounterRow, identity=("counter_id",), indexes=(("total",),))
SILENCE = Deadline(
    "counter-silence",
    COUNTERS_TABLE,
    due,
    lambda row, due_at: Attempt(FIRE, Fire(counter_id=row.counter_id, due_at=due_at)),
)
COUNTERS = Projection("counters", 1, (Counted, Silent), (COUNTERS_TABLE,), keys, fold, deadlines=(SILENCE,))
HEARD = Projection("heard", 1, (Counted, Silent), (Table("heard", CounterRow, ("counter_id",)),), keys, fold)


def react(recorded: Recorded[Fact], group: Group) -> Sequence[Attempt | Effect]:
    """Echo every count, and post it."""
    match recorded.fact:
        case Counted(counter_id=counter_id, poison=False):
            return [
                Attempt(ECHOING, Echo(counter_id=counter_id)),
                Effect("post", {"counter": counter_id, "version": recorded.version}),
            ]
        case _:
            return []


ECHOES = Reaction("echoes", (Counted,), react)

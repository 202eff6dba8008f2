"""Decisions as sentences: given facts, when a command, then facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from libs.events.deciding import Command, Decider, Given, States, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Actor, Dated, Fact

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""Monday 2026-03-02 12:00 in Shanghai."""


def given(decider: Decider[Any], *facts: Fact) -> Scene:
    """A scene in which these facts have happened; streams are told apart by each fact's own stream."""
    return Scene(decider, facts)


@dataclass(frozen=True, slots=True)
class Scene:
    """Facts that happened, before a command."""

    decider: Decider[Any]
    facts: tuple[Fact, ...]

    def when(self, command: Command, now: datetime = NOON, *consulted: Any, actor: Actor | None = None) -> Outcome:
        """Decide the command at that instant; consulted values are found by their type."""
        known = Given(
            now, "demotenant", actor or Actor(id="tester"), consulted={type(value): value for value in consulted}
        )
        try:
            decided = decide(self.decider, command, known, self.facts)
        except Rejected as refusal:
            return Outcome((), refusal)
        return Outcome(tuple(decided), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to."""

    facts: tuple[Fact | Dated, ...]
    refusal: Rejected | None

    def _not_refused(self) -> None:
        if self.refusal is not None:
            raise AssertionError(f"refused with {self.refusal.code}: {self.refusal.why} {self.refusal.details}")

    def then(self, *expected: Fact) -> None:
        """Exactly these facts, in this order."""
        self._not_refused()
        assert [fact.fact if isinstance(fact, Dated) else fact for fact in self.facts] == list(expected)

    def then_rejected(self, code: str, *recorded: Fact) -> Rejected:
        """Refused with this code; `recorded` are the facts that the refusal leaves."""
        assert self.refusal is not None, f"not refused: {self.facts}"
        assert self.refusal.code == code, f"{self.refusal.code}: {self.refusal.why}"
        if recorded:
            assert list(self.refusal.record) == list(recorded)
        return self.refusal

    def fact(self, kind: type[Fact]) -> Any:
        """The only fact of a kind, for looking at parts of it."""
        self._not_refused()
        plain = [fact.fact if isinstance(fact, Dated) else fact for fact in self.facts]
        found = [fact for fact in plain if isinstance(fact, kind)]
        assert len(found) == 1, f"{len(found)} of {kind.__name__} in {plain}"
        return found[0]


def decide(decider: Decider[Any], command: Command, known: Given, facts: Sequence[Fact]) -> Sequence[Fact | Dated]:
    """Ask for streams until nothing new is named, folding only those, then decide."""
    states: dict[str, Any] = {}
    versions: dict[str, int] = {}
    while True:
        seen = States(states, versions)
        new: dict[str, StreamOf[Any]] = {
            stream.name: stream for stream in decider.streams(seen, command, known) if stream.name not in versions
        }
        if not new:
            return decider.decide(seen, command, known)
        for name, stream in new.items():
            state = stream.kind.initial
            mine = [fact for fact in facts if fact.stream() == name]
            for fact in mine:
                state = stream.kind.evolve(state, fact)
            states[name], versions[name] = state, len(mine)

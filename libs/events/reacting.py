"""What follows from a fact: attempts at commands, and effects outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from libs.events.deciding import Command, Decider
from libs.events.facts import Fact, Recorded

if TYPE_CHECKING:
    from libs.events.projecting import Group, Projection


@dataclass(frozen=True, slots=True)
class Attempt:
    """A command that a fact or a deadline leads to. Its id derives from its cause, its decider and `target`."""

    decider: Decider[Any]
    command: Command
    target: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something outside, delivered at least once by the sender of its `kind`; its id derives from cause, `target`."""

    kind: str
    payload: Mapping[str, Any]
    target: str = ""


@dataclass(frozen=True, eq=False)
class Reaction:
    """`react(recorded, group)` gives what follows from a fact; pure. `group` holds the rows of `state` for its key.

    `state` is a projection of its own that is folded before it is asked (None: it needs no state, group is empty).
    Facts from before its first deployment only build its state, unless `history` is set.
    A refused attempt is done; one that must wait for a subject raises `NotFound` in its decision and is tried later.
    """

    name: str
    reads: tuple[type[Fact], ...]
    react: Callable[[Recorded[Any], Group], Sequence[Attempt | Effect]]
    state: Projection | None = None
    history: bool = False

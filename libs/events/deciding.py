"""Commands and decisions: which streams a command needs, what their facts add up to, and which facts follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from libs.events.facts import Actor, Channel, Dated, Fact

_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
S = TypeVar("S")
V = TypeVar("V")
C = TypeVar("C", bound="Command")


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("text must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("text must be valid Unicode (it holds a lone surrogate)") from error
    return text


def _written_out(value: Any) -> Any:
    """Numbers are no dates: whether they are seconds, milliseconds or days is anybody's guess."""
    if isinstance(value, int | float) or (isinstance(value, str) and not _ISO_DAY.match(value)):
        raise ValueError("must be written as in ISO 8601, such as 2026-03-02 or 2026-03-02T09:00:00+08:00")
    return value


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
"""An identity that may stand in a stream's name."""
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_clean)]
"""One line of text, 1 to 200 characters."""
Text = Annotated[str, Field(max_length=10_000), AfterValidator(_clean)]
"""Free text, at most 10,000 characters."""
Day = Annotated[date, BeforeValidator(_written_out)]
"""A date as somebody writes it."""
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""An instant as somebody writes it, with its offset."""


class Command(BaseModel):
    """What somebody wants. Frozen; unknown fields, NaN and NUL are refused; every string and list is bounded."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


NO_COMMAND = Command()
"""Stands in where values are consulted without a command, as for computing what is due."""


@dataclass(frozen=True, slots=True)
class StreamOf(Generic[S]):
    """One stream of a kind, by name without its owner: `lead-0190…`."""

    kind: StreamKind[S]
    name: str


@dataclass(frozen=True, eq=False)
class StreamKind(Generic[S]):
    """Streams of one sort: `prefix-<id>`, what decisions need to know of one (`initial`), and how facts change that.

    `evolve(state, fact)` is pure and total: a fact it does not know leaves the state as it is.
    """

    prefix: str
    initial: S
    evolve: Callable[[S, Any], S]

    def of(self, *identity: object) -> StreamOf[S]:
        """The stream with this identity; several parts are joined by hyphens."""
        return StreamOf(self, "-".join([self.prefix, *map(str, identity)]))


class States:
    """The states of the streams loaded so far; one that is not loaded or has no facts reads as its kind's initial."""

    def __init__(self, states: Mapping[str, Any] | None = None, versions: Mapping[str, int] | None = None) -> None:
        self._states = dict(states or {})
        self._versions = dict(versions or {})

    def __getitem__(self, stream: StreamOf[S]) -> S:
        state: S = self._states.get(stream.name, stream.kind.initial)
        return state

    def __contains__(self, stream: StreamOf[Any]) -> bool:
        """True once the stream has been loaded."""
        return stream.name in self._versions

    def version(self, stream: StreamOf[Any]) -> int:
        """The version loaded; 0 for a stream without facts."""
        return self._versions.get(stream.name, 0)


@dataclass(frozen=True, slots=True)
class Given:
    """What a decision may know beside its streams; frozen. `given[RuleBook]` is a value consulted, by its type."""

    now: datetime
    tenant: str
    actor: Actor
    channel: Channel = "api"
    consulted: Mapping[type, Any] = field(default_factory=dict)
    command_id: str = ""

    def __getitem__(self, kind: type[V]) -> V:
        value: V = self.consulted[kind]
        return value


@dataclass(frozen=True, eq=False)
class Decider(Generic[C]):
    """One command's decision.

    `streams(states, command, given)` names what it needs, and is asked again after each load until it names nothing
    new; `decide(states, command, given)` gives the facts, none if nothing new happened, or raises `Rejected`.
    `consults` are the types of values that are looked up before and stand in `given`.
    """

    name: str
    streams: Callable[[States, C, Given], Sequence[StreamOf[Any]]]
    decide: Callable[[States, C, Given], Sequence[Fact | Dated]]
    consults: tuple[type, ...] = ()

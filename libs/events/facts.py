"""Facts as the code sees them: frozen models with a wire name, and the envelope they are recorded in."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Generic, Literal, NewType, TypeVar
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from libs.events.errors import FactTooLarge, LaterFact, UnreadableFact

MAX_FACT_BYTES = 256 * 1024
TENANT_PATTERN = r"^[a-z0-9]{8,40}$"
LATER_VERSIONS = 5
"""So many versions of a type after the newest one it knows are looked out for by a reader."""
SERVICES = ("lead-routing", "pipeline", "collaboration", "alerting", "kpi")

ActorKind = Literal["user", "rule", "timer", "connector", "import", "migration"]
Channel = Literal["web", "mobile", "api", "import", "rule", "connector", "migration"]
Tenant = NewType("Tenant", str)


class Value(BaseModel):
    """A part of a fact. Frozen, keyword-only; readers ignore fields they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, ser_json_inf_nan="null")


class Money(Value):
    """An amount of one currency; `amount` has at most four decimals, `currency` is an ISO 4217 code."""

    amount: Annotated[Decimal, Field(max_digits=18, decimal_places=4)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Sealed(Value):
    """Personal text, sealed with a key of its subject (AES-256-GCM); only the subject's owner can open it.

    `subject` is opaque; `nonce` and `text` are base64. See docs/adr/0006-sealed-personal-fields.md.
    """

    subject: Annotated[str, Field(min_length=1, max_length=120)]
    nonce: Annotated[str, Field(max_length=24)]
    text: Annotated[str, Field(max_length=20_000)]


class Fact(Value):
    """Something that happened. Declared as `class LeadPooled(Fact, type="lead-pooled.v1", stream="lead-{lead_id}")`.

    `type` is the wire name, `stream` the template of the stream it belongs to, `owner` the service that may append it
    (None: every service on streams of its own), `partners` whether the partner feed carries it (never changed),
    `refusal` the code of the answer where the fact records that a command was refused, `erases` the field that lists
    the subjects whose keys are to be destroyed.
    """

    wire: ClassVar[str] = ""
    owner: ClassVar[str | None] = None
    partners: ClassVar[bool] = False
    template: ClassVar[str] = ""
    refusal: ClassVar[str | None] = None
    erases: ClassVar[str | None] = None

    def __init_subclass__(cls, **_: Any) -> None:
        """Let the declaration's keywords pass; they are read below, once the fields are known."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        type: str | None = None,  # noqa: A002 - reads as the wire name where a fact is declared
        stream: str | None = None,
        partners: bool = False,
        owner: str | None = None,
        refusal: str | None = None,
        erases: str | None = None,
        **_: Any,
    ) -> None:
        if owner is not None:
            cls.owner = owner
        if type is None:
            return
        if type in REGISTRY.types:
            raise ValueError(f"{type} is declared twice")
        cls.wire, cls.partners, cls.template, cls.refusal = type, partners, stream or "", refusal
        cls.erases = erases
        names = {name for _, name, _, _ in string.Formatter().parse(cls.template) if name}
        if not cls.template or not names <= set(cls.model_fields):
            raise ValueError(f"{cls.__name__}: the stream template {cls.template!r} names fields it does not have")
        REGISTRY.types[type] = cls

    def stream(self) -> str:
        """The stream without its owner, e.g. `lead-0190…`."""
        return self.template.format_map(_Fields(self))

    def data(self) -> dict[str, Any]:
        """The payload as JSON values; refuses one over 256 KiB."""
        payload = self.model_dump(mode="json", exclude_none=True)
        size = len(orjson.dumps(payload))
        if size > MAX_FACT_BYTES:
            raise FactTooLarge(f"{self.wire} has {size} bytes; a fact may have {MAX_FACT_BYTES}")
        return payload


class _Fields(dict[str, Any]):
    def __init__(self, fact: Fact) -> None:
        super().__init__()
        self._fact = fact

    def __missing__(self, key: str) -> Any:
        return getattr(self._fact, key)


Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Registry:
    """All wire names this code knows, and how old ones become new ones."""

    types: dict[str, type[Fact]] = field(default_factory=dict)
    upcasters: dict[str, tuple[str, Upcaster]] = field(default_factory=dict)

    def upcast(self, old: str, new: str) -> Callable[[Upcaster], Upcaster]:
        """Declare a pure function from the payload of `old` to the payload of `new` (the next version)."""

        def declare(function: Upcaster) -> Upcaster:
            self.upcasters[old] = (new, function)
            return function

        return declare

    def current(self, wire: str) -> str:
        """The newest version that upcasters lead to from `wire`."""
        while wire in self.upcasters:
            wire = self.upcasters[wire][0]
        return wire

    def stored_names(self, wires: Iterable[str]) -> list[str]:
        """Every stored wire name that is read as one of `wires`."""
        wanted = set(wires)
        return sorted(wanted | {old for old in self.upcasters if self.current(old) in wanted})

    def later_names(self, wires: Iterable[str]) -> list[str]:
        """The next versions of `wires`, which newer code may have written; a reader must not pass them over."""
        found: set[str] = set()
        for wire in wires:
            name, _, number = self.current(wire).rpartition(".v")
            found |= {f"{name}.v{int(number) + more}" for more in range(1, LATER_VERSIONS + 1)}
        return sorted(found - self.types.keys())

    def read(self, wire: str, data: Mapping[str, Any]) -> Fact | None:
        """The fact, upcast to its newest version; None for a type this code does not know.

        Raises LaterFact where it knows other versions of the type only, UnreadableFact where the payload does not fit.
        """
        payload = dict(data)
        try:
            while wire in self.upcasters:
                wire, upcast = self.upcasters[wire]
                payload = upcast(payload)
            model = self.types.get(wire)
            if model is None:
                self._must_be_new(wire)
                return None
            return model.model_validate(payload)
        except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableFact(f"{wire}: {error}") from error

    def _must_be_new(self, wire: str) -> None:
        name = wire.rpartition(".v")[0] + ".v"
        if any(known.startswith(name) for known in self.types):
            raise LaterFact(f"{wire} is a later version of its type than this code knows")


REGISTRY = Registry()


def read_as(wires: Iterable[str]) -> list[str]:
    """The stored wire names that a reader of `wires` looks at: also older versions, and later ones it must wait for."""
    return _read_as(tuple(wires), len(REGISTRY.types), len(REGISTRY.upcasters))


@lru_cache(maxsize=1_000)
def _read_as(wires: tuple[str, ...], *_known: int) -> list[str]:
    return [*REGISTRY.stored_names(wires), *REGISTRY.later_names(wires)]


class Actor(Value):
    """Who did it: a person, a rule, a timer, a connector, an import."""

    kind: ActorKind = "user"
    id: str
    on_behalf_of: str | None = None
    device: str | None = None


class RuleRef(Value):
    """The version of a rule that a decision used."""

    rule_id: str
    version: int


class Meta(Value):
    """The envelope beside the fact's own identity and times; see docs/events/envelope.md."""

    actor: Actor
    channel: Channel = "api"
    command_id: UUID | None = None
    causation_id: UUID | None = None
    correlation_id: UUID | None = None
    rule_refs: tuple[RuleRef, ...] = ()
    calendar_version: str | None = None
    reason: str | None = None
    traceparent: str | None = None


F_co = TypeVar("F_co", bound=Fact, covariant=True)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[F_co]):
    """A fact as the log holds it. `seq` is local to this database; `own_seq` is None on a received fact."""

    fact: F_co
    tenant: str
    stream: str
    version: int
    event_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    meta: Meta
    seq: int = 0
    own_seq: int | None = None

    @property
    def backdated(self) -> bool:
        """More than 15 minutes between what happened and what was recorded (domain.md 3.0, bitemporal rule)."""
        return (self.recorded_at - self.occurred_at).total_seconds() > 900


@dataclass(frozen=True, slots=True)
class Dated:
    """A fact with a business time other than now; `reason` is needed when it lies more than 15 minutes back."""

    fact: Fact
    occurred_at: datetime
    reason: str | None = None


Instant = AwareDatetime

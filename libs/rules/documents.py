"""Rule documents: their kinds, how a published one is looked up, and what a decision is given of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, TypeVar

import orjson
from pydantic import BaseModel

from libs.events.facts import RuleRef, Value

M = TypeVar("M", bound=BaseModel)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Finding(Value):
    """What a check of a draft found; one of severity `error` keeps the draft from being published."""

    severity: Literal["error", "warning"] = "error"
    path: str = ""
    message: str


@dataclass(frozen=True, eq=False)
class RuleKind:
    """A sort of rule document: its pydantic model, the shipped default, and how it is checked.

    `lint(document)` gets the parsed model and gives findings beyond what the model itself refuses. With `four_eyes`
    another person than the drafter must approve a draft before it is published. A kind that ships several rules lists
    the others in `more`: id → (name, document).
    """

    kind: str
    model: type[BaseModel]
    default_id: str
    default_document: Mapping[str, Any]
    lint: Callable[[Any], Sequence[Finding]] | None = None
    four_eyes: bool = False
    default_name: str = ""
    more: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def parse(self, document: Mapping[str, Any]) -> BaseModel:
        """The document as its model; raises pydantic.ValidationError."""
        return self.model.model_validate(document)

    def normal(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with every default written out, so that later code cannot change what was published."""
        return self.parse(document).model_dump(mode="json")

    def findings(self, document: Mapping[str, Any]) -> list[Finding]:
        """What `lint` says about a document that its model accepts."""
        return list(self.lint(self.parse(document))) if self.lint else []

    @cached_property
    def shipped(self) -> Mapping[str, PublishedRule]:
        """The shipped rules by id, as version 0."""
        own = (self.default_name or self.default_id, self.default_document)
        return {
            rule_id: PublishedRule(rule_id, 0, self.kind, name, document=self.normal(document))
            for rule_id, (name, document) in {self.default_id: own, **self.more}.items()
        }

    @property
    def default(self) -> PublishedRule:
        """The shipped default, as version 0."""
        return self.shipped[self.default_id]


KINDS: dict[str, RuleKind] = {}


def register_kind(kind: RuleKind) -> RuleKind:
    """Make a kind known by its name; raises ValueError when another one has it. Answers the kind."""
    if KINDS.setdefault(kind.kind, kind) is not kind:
        raise ValueError(f"the kind of rule {kind.kind} is registered twice")
    return kind


def document_hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of the document's canonical JSON (keys sorted, no white space), in hexadecimal."""
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class PublishedRule:
    """One version of a rule as it was published; version 0 is the shipped default."""

    rule_id: str
    version: int
    kind: str
    name: str = ""
    scope: str = "tenant"
    document: Mapping[str, Any] = field(default_factory=dict)
    suspended: bool = False
    published_at: datetime = LONG_AGO
    explain: str = ""
    _parsed: dict[type[BaseModel], BaseModel] = field(default_factory=dict, compare=False, repr=False)

    @property
    def ref(self) -> RuleRef:
        """As facts name the version that a decision used."""
        return RuleRef(rule_id=self.rule_id, version=self.version)

    def parsed(self, model: type[M]) -> M:
        """The document as `model`, parsed once; raises pydantic.ValidationError."""
        known = self._parsed.get(model)
        if known is None:
            known = self._parsed[model] = model.model_validate(self.document)
        return known  # type: ignore[return-value]


class RuleBook:
    """All published rules of one tenant, earlier versions included. Immutable.

    Where a rule with the id of a shipped one was never published, that stands in as version 0.
    """

    __slots__ = ("_of_kind", "_retired", "_versions")

    def __init__(self, rules: Iterable[PublishedRule] = (), retired: Iterable[str] = ()) -> None:
        self._versions: dict[str, list[PublishedRule]] = {}
        for rule in sorted(rules, key=lambda rule: (rule.rule_id, rule.version)):
            self._versions.setdefault(rule.rule_id, []).append(rule)
        self._retired = frozenset(retired)
        self._of_kind: dict[str, list[PublishedRule]] = {}
        for rule_id, versions in self._versions.items():
            if rule_id not in self._retired and not versions[-1].suspended:
                self._of_kind.setdefault(versions[-1].kind, []).append(versions[-1])

    def published(self, kind: str) -> list[PublishedRule]:
        """The newest version of every rule of a kind that holds: neither suspended nor retired. In order of ids."""
        return list(self._of_kind.get(kind, ()))

    def get(self, rule_id: str) -> PublishedRule | None:
        """The newest version of a rule, also while it is suspended; None if it is retired or was never published."""
        if rule_id in self._retired:
            return None
        versions = self._versions.get(rule_id)
        return versions[-1] if versions else _shipped(rule_id)

    def version(self, rule_id: str, version: int) -> PublishedRule | None:
        """A certain version, whatever became of the rule since."""
        for rule in self._versions.get(rule_id, ()):
            if rule.version == version:
                return rule
        return _shipped(rule_id) if version == 0 else None

    def only(self, kind: str) -> PublishedRule:
        """The rule of a kind that was published last, else the shipped default; KeyError for an unknown kind."""
        rules = self._of_kind.get(kind)
        if rules:
            return max(rules, key=lambda rule: (rule.published_at, rule.version, rule.rule_id))
        return KINDS[kind].default


def _shipped(rule_id: str) -> PublishedRule | None:
    for kind in KINDS.values():
        if rule_id in kind.shipped:
            return kind.shipped[rule_id]
    return None

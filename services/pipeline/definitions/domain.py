"""A pipeline definition: stages in their order, the moves between them, and what each gate asks for (3.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from libs.events.deciding import Id, Line
from libs.events.errors import NotYetVisible
from libs.events.facts import RuleRef
from libs.rules.documents import PublishedRule, RuleBook
from services.pipeline.catalogue.nearest import unknown

KIND = "pipeline-definition"
MIN_TEXT = 15
MAX_AGE_DAYS = 30
MAX_BYTES = 20 * 1024 * 1024
PLACEHOLDERS = ["无", "暂无", "没有", "同上", "待定", "略", "N/A", "NA", "TBD", "none", "test", "测试", "1", "。", "."]

StageKind = Literal["open", "delivery", "won", "lost"]
MoveKind = Literal["forward", "skip", "back", "close"]
RequirementType = Literal["attachment", "text", "confirmation", "checklist", "activity", "field_present"]
DealField = Literal["amount", "expected_close", "account_id", "product_id", "tier"]
Language = Literal["zh", "en"]
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Hours = Annotated[Decimal, Field(gt=0, le=10_000, max_digits=8, decimal_places=2)]


class Part(BaseModel):
    """A part of a definition. Frozen; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Words(Part):
    """A text in Chinese and English."""

    zh: Sentence
    en: Sentence

    def told_in(self, language: Language) -> str:
        """The text in one of them."""
        return self.zh if language == "zh" else self.en


class Stage(Part):
    """A stage. `expected_dwell_h` and `max_dwell_h` are hours of the business clock; won and lost end a deal."""

    code: Id
    name: Words
    order: PositiveInt
    kind: StageKind = "open"
    expected_dwell_h: Hours | None = None
    max_dwell_h: Hours | None = None


class Move(Part):
    """One cell of the transition matrix; moves that it does not name go by their kind's default."""

    from_stage: Id
    to_stage: Id
    kind: MoveKind
    allowed: bool = True


class Requirement(Part):
    """One component of an action package 必填动作包.

    `kind` and `mime` are of an attachment (`min_count` files, `max_age_days` old at most), `field` of field_present,
    `items` of a checklist, `min_count` of activities, `min_length` of a text. `on_fail: warn` lets the deal pass.
    """

    code: Id
    type: RequirementType
    explain: Words
    how_to_fix: Words
    on_fail: Literal["block", "warn"] = "block"
    kind: Id | None = None
    mime: Annotated[list[Line], Field(max_length=20)] = []
    max_age_days: Annotated[int, Field(ge=1, le=3_650)] = MAX_AGE_DAYS
    min_count: Annotated[int, Field(ge=1, le=50)] = 1
    min_length: Annotated[int, Field(ge=1, le=2_000)] = MIN_TEXT
    items: Annotated[list[Id], Field(max_length=50)] = []
    field: DealField | None = None


class Gate(Part):
    """What leaving a stage needs; `carry_over` says what a fulfilment is worth when the stage is entered again."""

    stage: Id
    requirements: Annotated[list[Requirement], Field(max_length=50)]
    carry_over: Literal["keep", "revalidate", "reset"] = "revalidate"


class ContentChecks(Part):
    """What evidence and texts must be like (S-16): sizes in bytes, how alike a text may be to the rep's last ones."""

    min_bytes: Annotated[int, Field(ge=0, le=1_000_000)] = 1_024
    max_bytes: Annotated[int, Field(ge=1, le=MAX_BYTES)] = MAX_BYTES
    placeholders: Annotated[list[Line], Field(max_length=200)] = PLACEHOLDERS
    max_similarity: Annotated[Decimal, Field(gt=0, le=1)] = Decimal("0.9")
    compared_with: Annotated[int, Field(ge=0, le=20)] = 20


class PipelineDefinition(Part):
    """The document that a pipeline-definition rule publishes; `language` is that of refusals."""

    stages: Annotated[list[Stage], Field(min_length=1, max_length=40)]
    moves: Annotated[list[Move], Field(max_length=400)] = []
    gates: Annotated[list[Gate], Field(max_length=40)] = []
    loss_reasons: Annotated[list[Id], Field(min_length=1, max_length=100)]
    regress_reasons: Annotated[list[Id], Field(min_length=1, max_length=100)]
    content_checks: ContentChecks = ContentChecks()
    language: Language = "zh"

    @cached_property
    def path(self) -> tuple[Stage, ...]:
        """The stages a deal passes, in order; those that end it are not among them."""
        return tuple(sorted((s for s in self.stages if s.kind in ("open", "delivery")), key=lambda stage: stage.order))

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The codes of the path."""
        return tuple(stage.code for stage in self.path)

    def next_after(self, stage: str) -> str | None:
        """The stage after this one; None for the last, and for one that the definition does not have."""
        after = self.codes[self.codes.index(stage) + 1 :] if stage in self.codes else ()
        return after[0] if after else None

    def steps(self, from_stage: str, to_stage: str) -> int:
        """How many places of the path lie between two stages; positive is forward. ValueError for an unknown stage."""
        return self.codes.index(to_stage) - self.codes.index(from_stage)

    def may_advance(self, from_stage: str, to_stage: str) -> bool:
        """Forward only to the next stage unless the matrix says otherwise (3.2.3-3, S-14)."""
        named = self._move(from_stage, to_stage)
        return named.allowed if named else self.next_after(from_stage) == to_stage

    def may_win(self, stage: str) -> bool:
        """By the matrix, else from the last open stage and from delivery."""
        named = self._move(stage, self.ending("won"))
        if named:
            return named.allowed
        last_open = max((one for one in self.path if one.kind == "open"), key=lambda one: one.order, default=None)
        return any(one.code == stage and (one.kind == "delivery" or one == last_open) for one in self.path)

    def ending(self, kind: Literal["won", "lost"]) -> str:
        """The code of the stage that ends a deal in this way."""
        return next((one.code for one in self.stages if one.kind == kind), kind)

    def gate(self, stage: str) -> Gate:
        """The gate at the exit of a stage; an empty one where nothing is asked."""
        return next((gate for gate in self.gates if gate.stage == stage), Gate(stage=stage, requirements=[]))

    def requirement(self, stage: str, code: str) -> Requirement | None:
        """A requirement of a stage's gate."""
        return next((one for one in self.gate(stage).requirements if one.code == code), None)

    def _move(self, from_stage: str, to_stage: str) -> Move | None:
        return next((m for m in self.moves if (m.from_stage, m.to_stage) == (from_stage, to_stage)), None)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A definition in the version that an opportunity goes by."""

    rule_id: str
    version: int
    definition: PipelineDefinition

    @property
    def ref(self) -> RuleRef:
        """As facts name it."""
        return RuleRef(rule_id=self.rule_id, version=self.version)


def pinned(rule: PublishedRule) -> Pinned:
    """The definition of a published rule."""
    return Pinned(rule.rule_id, rule.version, rule.parsed(PipelineDefinition))


def definition_for(rules: RuleBook, definition_id: str, version: int) -> Pinned:
    """The very version that an opportunity is pinned to (3.2.3-8); NotYetVisible while it has not arrived here."""
    rule = rules.version(definition_id, version)
    if rule is None:
        raise NotYetVisible([f"rule-{definition_id} version {version}"])
    return pinned(rule)


def definition_for_new(rules: RuleBook, definition_id: str | None) -> Pinned:
    """What a new opportunity goes by: the named definition as published now, else the one published last."""
    rule = rules.only(KIND) if definition_id is None else rules.get(definition_id)
    if rule is None or rule.kind != KIND or rule.suspended:
        known = {one.rule_id: one.name for one in rules.published(KIND)} or {rules.only(KIND).rule_id: ""}
        raise unknown("definition_id", definition_id or "", known)
    return pinned(rule)


def definition_from_now(rules: RuleBook, current: Pinned, stage: str) -> Pinned:
    """What a deal goes by from its next visit on: the newest version, unless that lacks the stage or stands still."""
    newest = rules.get(current.rule_id)
    if newest is None or newest.suspended or newest.kind != KIND:
        return current
    candidate = pinned(newest)
    return candidate if stage in candidate.definition.codes else current

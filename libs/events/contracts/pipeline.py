"""Facts the pipeline service writes: accounts, products, opportunities, stages, gates and evidence."""

from __future__ import annotations

from datetime import date
from typing import Literal

from libs.events.contracts.common import Elapsed, Identity, Label, Note, Tier
from libs.events.facts import Fact, Instant, Money, RuleRef, Value


class PipelineFact(Fact, owner="pipeline"):
    """A fact of this service."""


class AccountRegistered(PipelineFact, type="account-registered.v1", stream="account-{account_id}", partners=True):
    """A customer organisation became known; `attributes` are further columns of an import."""

    account_id: Identity
    name: Label
    sector: Label | None = None
    region: Label | None = None
    attributes: dict[str, str] = {}


class ProductRegistered(PipelineFact, type="product-registered.v1", stream="product-{product_id}", partners=True):
    """Something that is sold."""

    product_id: Identity
    name: Label
    series: Label | None = None
    list_price: Money | None = None


class OpportunityOpened(
    PipelineFact, type="opportunity-opened.v1", stream="opportunity-{opportunity_id}", partners=True
):
    """A deal began in its first stage visit. `undated`: an import knew no date, `opened_at` is that of the import.

    `source_channel` and `campaign_id` are those of the converted lead; `recorded_from` names the history it is from.
    """

    opportunity_id: Identity
    name: Label
    owner_id: Identity
    account_id: Identity | None = None
    product_id: Identity | None = None
    definition_id: Identity
    definition_version: int
    stage: Identity
    visit: int = 1
    amount: Money | None = None
    expected_close: date | None = None
    source_lead: Identity | None = None
    source_channel: Label | None = None
    campaign_id: Identity | None = None
    recorded_from: Label | None = None
    tier: Tier | None = None
    tags: dict[str, str] = {}
    opened_at: Instant
    undated: bool = False


class Package(Value):
    """The requirements of a stage visit at its gate, counted (domain.md 4.3)."""

    required: int
    on_time: int
    backfilled: int = 0
    waived: int = 0
    deferred: int = 0


class MissingRequirement(Value):
    """One requirement that the gate found open: what it is, and how to fulfil it."""

    requirement: Identity
    explain: Note
    how_to_fix: Note


class StageAdvanced(PipelineFact, type="stage-advanced.v1", stream="opportunity-{opportunity_id}", partners=True):
    """The gate let the deal into its next stage: `visit` of `from_stage` closed, `next_visit` of `to_stage` opened.

    `rule_refs` is the definition that its gate was of, `definition_version` the one that holds from now on.
    """

    opportunity_id: Identity
    owner_id: Identity
    from_stage: Identity
    to_stage: Identity
    visit: int
    next_visit: int
    entered_at: Instant
    advanced_at: Instant
    dwell: Elapsed
    package: Package
    definition_version: int
    rule_refs: list[RuleRef] = []
    calendar_version: Label | None = None


class StageAdvanceRejected(
    PipelineFact, type="stage-advance-rejected.v1", stream="opportunity-{opportunity_id}", refusal="RULE_VIOLATION"
):
    """The gate said no."""

    opportunity_id: Identity
    owner_id: Identity
    stage: Identity
    to_stage: Identity
    visit: int
    missing: list[MissingRequirement]
    seconds_since_open: int
    requested_by: Identity
    rejected_at: Instant
    rule_refs: list[RuleRef] = []


class StageRegressed(PipelineFact, type="stage-regressed.v1", stream="opportunity-{opportunity_id}", partners=True):
    """The deal moved back, with a reason; `definition_version` holds from now on (None: the one before)."""

    opportunity_id: Identity
    owner_id: Identity
    from_stage: Identity
    to_stage: Identity
    visit: int
    next_visit: int
    steps: int
    reason_code: Label
    entered_at: Instant
    regressed_at: Instant
    dwell: Elapsed
    package: Package
    definition_version: int | None = None
    calendar_version: Label | None = None


class EvidenceAttached(PipelineFact, type="evidence-attached.v1", stream="opportunity-{opportunity_id}"):
    """A file was uploaded; `content_key` is a keyed hash of its content, `object_key` where it lies."""

    opportunity_id: Identity
    evidence_id: Identity
    requirement: Identity | None = None
    kind: Label
    file_name: Label
    mime: Label
    size: int
    content_key: Label
    object_key: Label
    uploaded_by: Identity
    created_on: date | None = None
    attached_at: Instant
    warnings: list[Label] = []


class EvidenceRejected(
    PipelineFact, type="evidence-rejected.v1", stream="opportunity-{opportunity_id}", refusal="RULE_VIOLATION"
):
    """An uploaded file was not accepted as evidence; `check` names the rule, e.g. EVIDENCE_REUSED."""

    opportunity_id: Identity
    evidence_id: Identity
    requirement: Identity | None = None
    check: Label
    explain: Note
    content_key: Label
    uploaded_by: Identity
    rejected_at: Instant


class EvidenceUsed(PipelineFact, type="evidence-used.v1", stream="evidence-{rep_id}-{content_key}"):
    """A rep used a file's content for a deal."""

    rep_id: Identity
    content_key: Label
    opportunity_id: Identity


class RequirementSatisfied(PipelineFact, type="requirement-satisfied.v1", stream="opportunity-{opportunity_id}"):
    """One requirement of a stage visit is fulfilled; `warnings` are content checks that failed without blocking."""

    opportunity_id: Identity
    owner_id: Identity
    stage: Identity
    visit: int
    requirement: Identity
    mode: Literal["normal", "backfill", "carried-over"] = "normal"
    evidence: list[Identity] = []
    text: Note | None = None
    warnings: list[Label] = []
    satisfied_by: Identity
    satisfied_at: Instant


class RequirementInvalidated(PipelineFact, type="requirement-invalidated.v1", stream="opportunity-{opportunity_id}"):
    """A fulfilled requirement is open again."""

    opportunity_id: Identity
    stage: Identity
    visit: int
    requirement: Identity
    cause: Label
    invalidated_at: Instant


class OpportunityWon(PipelineFact, type="opportunity-won.v1", stream="opportunity-{opportunity_id}", partners=True):
    """The deal is won; its amount is frozen. `dwell` is that of the open stage visit that this closes."""

    opportunity_id: Identity
    owner_id: Identity
    stage: Identity
    visit: int
    amount: Money
    contract_id: Label | None = None
    entered_at: Instant
    won_at: Instant
    dwell: Elapsed
    package: Package
    definition_version: int
    calendar_version: Label | None = None


class OpportunityLost(PipelineFact, type="opportunity-lost.v1", stream="opportunity-{opportunity_id}", partners=True):
    """The deal is lost."""

    opportunity_id: Identity
    owner_id: Identity
    stage: Identity
    visit: int
    reason_code: Label
    competitor: Label | None = None
    entered_at: Instant
    lost_at: Instant
    dwell: Elapsed
    package: Package
    calendar_version: Label | None = None


class OpportunityReopened(
    PipelineFact, type="opportunity-reopened.v1", stream="opportunity-{opportunity_id}", partners=True
):
    """A closed deal is worked on again, in a new visit of the stage it was closed in.

    `definition_version` holds from now on (None: the one before).
    """

    opportunity_id: Identity
    owner_id: Identity
    stage: Identity
    next_visit: int
    was: Literal["won", "lost"]
    reason: Note
    approver: Identity
    reopened_at: Instant
    definition_version: int | None = None


class OpportunityTransferred(
    PipelineFact, type="opportunity-transferred.v1", stream="opportunity-{opportunity_id}", partners=True
):
    """The deal has another owner."""

    opportunity_id: Identity
    from_owner: Identity
    to_owner: Identity
    handover: Note | None = None
    transferred_at: Instant

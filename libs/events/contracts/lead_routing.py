"""Facts the lead-routing service writes: tenants, calendars, people, leads, pools, routing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from libs.events.contracts.common import Elapsed, Identity, Label, Note, Role, Tier
from libs.events.facts import Fact, Instant, RuleRef, Sealed, Value

Dimension = Literal["industry", "budget", "interaction", "region", "product"]


class LeadRoutingFact(Fact, owner="lead-routing"):
    """A fact of this service."""


class TenantAdded(LeadRoutingFact, type="tenant-added.v1", stream="tenant-{tenant_id}"):
    """An organisation began; its default calendar is `calendar_id`, its first administrator `admin_id`."""

    tenant_id: Identity
    name: Label
    locale: Literal["zh", "en"] = "zh"
    calendar_id: Identity
    admin_id: Identity


class TenantSuspended(LeadRoutingFact, type="tenant-suspended.v1", stream="tenant-{tenant_id}"):
    """Commands of the organisation are refused from now on."""

    tenant_id: Identity
    reason: Note


class FeedTurnedOn(LeadRoutingFact, type="feed-turned-on.v1", stream="tenant-{tenant_id}"):
    """The organisation's partners may read its topics."""

    tenant_id: Identity
    partitions: int = 3


class FeedTurnedOff(LeadRoutingFact, type="feed-turned-off.v1", stream="tenant-{tenant_id}"):
    """Nothing more is published for the organisation's partners."""

    tenant_id: Identity


class CalendarPublished(LeadRoutingFact, type="calendar-published.v1", stream="calendar-{calendar_id}"):
    """A calendar's data in a new version; `document` is a `CalendarDocument`."""

    calendar_id: Identity
    version: Label
    document: dict[str, Any]


class CalendarAssigned(LeadRoutingFact, type="calendar-assigned.v1", stream="calendar-of-{scope}-{subject_id}"):
    """The tenant, a team or a person goes by this calendar."""

    scope: Literal["tenant", "team", "person"]
    subject_id: Identity
    calendar_id: Identity


class DepartmentRegistered(LeadRoutingFact, type="department-registered.v1", stream="department-{department_id}"):
    """A department with the person who heads it."""

    department_id: Identity
    name: Label
    head_id: Identity | None = None


class TeamRegistered(LeadRoutingFact, type="team-registered.v1", stream="team-{team_id}"):
    """A team of a department; `region` is where it sells."""

    team_id: Identity
    name: Label
    department_id: Identity | None = None
    region: Label | None = None
    lead_id: Identity | None = None


class RepRegistered(LeadRoutingFact, type="rep-registered.v1", stream="rep-{rep_id}"):
    """A person of the sales organisation (reps, managers, others: `roles`); `weight` 1 is a fully ramped-up rep."""

    rep_id: Identity
    name: Label
    roles: list[Role]
    team_id: Identity | None = None
    department_id: Identity | None = None
    manager_id: Identity | None = None
    weight: Decimal = Decimal(1)
    effective_from: Instant


class RepTransferred(LeadRoutingFact, type="rep-transferred.v1", stream="rep-{rep_id}"):
    """A person belongs to another team from then on."""

    rep_id: Identity
    team_id: Identity
    department_id: Identity | None = None
    effective_from: Instant


class RepManagerChanged(LeadRoutingFact, type="rep-manager-changed.v1", stream="rep-{rep_id}"):
    """A person reports to another one from then on."""

    rep_id: Identity
    manager_id: Identity | None = None
    effective_from: Instant


class Skill(Value):
    """A value of a dimension with its strength from 0 to 1; for products also the tag's weight."""

    value: Label
    strength: Decimal


class RepSkillSet(LeadRoutingFact, type="rep-skill-set.v1", stream="rep-{rep_id}"):
    """What a rep is good at in one dimension; replaces what was known of it."""

    rep_id: Identity
    dimension: Dimension
    skills: list[Skill]


class RepCapacitySet(LeadRoutingFact, type="rep-capacity-set.v1", stream="rep-{rep_id}"):
    """How much a rep can carry, in weighted items, and how many new leads a day."""

    rep_id: Identity
    max_weighted_load: Decimal
    daily_new_cap: int


class RepLeavePlanned(LeadRoutingFact, type="rep-leave-planned.v1", stream="rep-{rep_id}"):
    """A person is away from `starts_at` to `ends_at`; the delegate stands in."""

    rep_id: Identity
    leave_id: Identity
    starts_at: Instant
    ends_at: Instant
    delegate_id: Identity | None = None


class RepLeaveCancelled(LeadRoutingFact, type="rep-leave-cancelled.v1", stream="rep-{rep_id}"):
    """A planned leave does not happen, or ends now."""

    rep_id: Identity
    leave_id: Identity
    cancelled_at: Instant


class RepDeactivated(LeadRoutingFact, type="rep-deactivated.v1", stream="rep-{rep_id}"):
    """A person no longer works here."""

    rep_id: Identity
    reason: Note
    deactivated_at: Instant


class WorkloadChanged(LeadRoutingFact, type="workload-changed.v1", stream="workload-{rep_id}"):
    """An item weighs on a rep (0: no longer). `new_on` counts it as a new lead of that local day."""

    rep_id: Identity
    item: Identity
    weight: Decimal
    new_on: date | None = None


class LeadSource(Value):
    """Where a lead came from; `external_id` is its id over there."""

    channel: Label
    campaign_id: Identity | None = None
    external_id: Label | None = None


class Contact(Value):
    """A person at the customer; what identifies the person is sealed."""

    contact_id: Identity
    role: Label | None = None
    name: Sealed | None = None
    phone: Sealed | None = None
    email: Sealed | None = None
    wechat: Sealed | None = None


class LeadSourceBound(LeadRoutingFact, type="lead-source-bound.v1", stream="lead-source-{source_key}"):
    """This source and external id belong to this lead, for ever; `source_key` is their SHA-256."""

    source_key: Identity
    lead_id: Identity


class LeadCaptured(LeadRoutingFact, type="lead-captured.v1", stream="lead-{lead_id}", partners=True):
    """A lead came in."""

    lead_id: Identity
    source: LeadSource
    company: Label
    uscc: Label | None = None
    contacts: list[Contact] = []
    raw_hash: str
    captured_at: Instant


class LeadCaptureRepeated(LeadRoutingFact, type="lead-capture-repeated.v1", stream="lead-{lead_id}"):
    """The same source and external id came in again."""

    lead_id: Identity
    source: LeadSource
    raw_hash: str
    repeated_at: Instant


class LeadTagged(LeadRoutingFact, type="lead-tagged.v1", stream="lead-{lead_id}", partners=True):
    """A value of one of the five dimensions; `provenance` says who or what found it."""

    lead_id: Identity
    dimension: Dimension
    value: Label
    provenance: Label
    confidence: Decimal = Decimal(1)


class LeadTagCorrected(LeadRoutingFact, type="lead-tag-corrected.v1", stream="lead-{lead_id}", partners=True):
    """A tag was wrong."""

    lead_id: Identity
    dimension: Dimension
    old: Label | None = None
    new: Label
    reason: Note


class LeadTiered(LeadRoutingFact, type="lead-tiered.v1", stream="lead-{lead_id}", partners=True):
    """The lead's tier, by the tier rule over its tags."""

    lead_id: Identity
    tier: Tier
    rule_refs: list[RuleRef] = []


class Candidate(Value):
    """How one rep was seen by a routing: the filters that said no, or the parts of the score (domain.md 4.1).

    `incentive` is the rep's incentive tier and `share` the part of recent automatic assignments the rep had.
    """

    rep_id: Identity
    filters: list[Label] = []
    fits: dict[str, Decimal] = {}
    match: Decimal | None = None
    load: Decimal
    capacity: Decimal
    credit: Decimal
    weight: Decimal = Decimal(1)
    headroom: Decimal | None = None
    fairness: Decimal | None = None
    incentive: int = 0
    share: Decimal = Decimal(0)
    bonus: Decimal = Decimal(0)
    score: Decimal | None = None
    last_assigned_at: Instant | None = None


class RoutingEvaluated(LeadRoutingFact, type="routing-evaluated.v1", stream="lead-{lead_id}"):
    """All candidates as they were seen; evaluating the stored inputs again gives the same winner."""

    lead_id: Identity
    policy_id: Identity
    policy_version: int
    tier: Tier | None = None
    tags: dict[str, str] = {}
    candidates: list[Candidate]
    winner: Identity | None = None
    tie_break: Label | None = None
    evaluated_at: Instant
    rule_refs: list[RuleRef] = []


class RoutingSettled(LeadRoutingFact, type="routing-settled.v1", stream="routing-{policy_id}"):
    """The fairness credits after an automatic assignment (domain.md 4.1): eligible reps gained, the winner paid 1.

    With cause `returned` the winner of an earlier one gets the 1 back for a lead that was declined with good reason.
    """

    policy_id: Identity
    lead_id: Identity
    winner: Identity
    credits: dict[str, Decimal]
    cause: Literal["assigned", "returned"] = "assigned"
    settled_at: Instant


class LeadAssigned(LeadRoutingFact, type="lead-assigned.v1", stream="lead-{lead_id}", partners=True):
    """A rep has the lead, and accepts it by `accept_by`; `protected_until` keeps it from being recycled."""

    lead_id: Identity
    rep_id: Identity
    mode: Literal["auto", "manual", "ownership", "claim", "migration"]
    assigned_at: Instant
    accept_by: Instant | None = None
    protected_until: Instant | None = None
    reason: Note | None = None
    override: list[Label] = []
    rule_refs: list[RuleRef] = []
    calendar_version: Label | None = None


class RoutingHeld(LeadRoutingFact, type="routing-held.v1", stream="lead-{lead_id}"):
    """Nobody can take the lead just now; it is routed again at `until`, or as soon as somebody can."""

    lead_id: Identity
    reason: Label
    held_at: Instant
    until: Instant


class RoutingExhausted(LeadRoutingFact, type="routing-exhausted.v1", stream="lead-{lead_id}"):
    """Every step of the overflow chain said no; `chain` names them and why."""

    lead_id: Identity
    chain: list[Label]
    exhausted_at: Instant


class LeadAccepted(LeadRoutingFact, type="lead-accepted.v1", stream="lead-{lead_id}"):
    """The rep took the lead on."""

    lead_id: Identity
    rep_id: Identity
    accepted_at: Instant


class LeadDeclined(LeadRoutingFact, type="lead-declined.v1", stream="lead-{lead_id}"):
    """The rep gave the lead back before working on it."""

    lead_id: Identity
    rep_id: Identity
    reason_code: Label
    declined_at: Instant


class AcceptanceExpired(LeadRoutingFact, type="acceptance-expired.v1", stream="lead-{lead_id}"):
    """The acceptance window of an assignment passed."""

    lead_id: Identity
    rep_id: Identity
    due_at: Instant
    fired_at: Instant
    late_by: int = 0


class LeadReassigned(LeadRoutingFact, type="lead-reassigned.v1", stream="lead-{lead_id}", partners=True):
    """The lead went from one rep to another; the customer's waiting clock runs on."""

    lead_id: Identity
    from_rep: Identity
    to_rep: Identity
    cause: Literal["sla", "declined", "transfer", "manual"]
    reassigned_at: Instant
    accept_by: Instant | None = None
    protected_until: Instant | None = None
    handover_note: Note | None = None
    override: list[Label] = []
    rule_refs: list[RuleRef] = []
    calendar_version: Label | None = None


class LeadFirstResponded(LeadRoutingFact, type="lead-first-responded.v1", stream="lead-{lead_id}", partners=True):
    """The customer's first answer from a person, counted from the capture."""

    lead_id: Identity
    rep_id: Identity
    responded_at: Instant
    elapsed: Elapsed


ActivityKind = Literal["call", "message", "visit", "meeting", "document", "note", "view", "next_step"]


class LeadActivityRecorded(LeadRoutingFact, type="lead-activity-recorded.v1", stream="lead-{lead_id}"):
    """Something was done on the lead; `substantive` by 3.1.3-8, with the reason why not."""

    lead_id: Identity
    rep_id: Identity
    activity_id: Identity
    kind: ActivityKind
    direction: Literal["in", "out", "both"] | None = None
    duration_s: int | None = None
    content_hash: str | None = None
    note: Sealed | None = None
    substantive: bool
    why_not: Label | None = None
    next_step_due: Instant | None = None
    happened_at: Instant
    protected_until: Instant | None = None


class PoolCreated(LeadRoutingFact, type="pool-created.v1", stream="pool-{pool_id}"):
    """A public pool of leads; `zone` is where its days begin."""

    pool_id: Identity
    name: Label
    zone: Label = "Asia/Shanghai"
    members: list[Identity] = []


class PoolRulesPublished(LeadRoutingFact, type="pool-rules-published.v1", stream="pool-{pool_id}"):
    """How leads may be claimed from the pool; `cool_down_days` are natural days after losing the lead."""

    pool_id: Identity
    version: int
    claims_per_day: int
    cool_down_days: int
    protection_days: int
    protection_extension_days: int
    protection_max_days: int


class LeadPooled(LeadRoutingFact, type="lead-pooled.v1", stream="lead-{lead_id}", partners=True):
    """The lead waits in a pool for whoever claims it."""

    lead_id: Identity
    pool_id: Identity
    cause: Label
    pooled_at: Instant


class LeadClaimed(LeadRoutingFact, type="lead-claimed.v1", stream="lead-{lead_id}", partners=True):
    """A rep took the lead out of a pool."""

    lead_id: Identity
    rep_id: Identity
    pool_id: Identity
    claimed_at: Instant
    quota_after: int
    protected_until: Instant | None = None


class ClaimCounted(LeadRoutingFact, type="claim-counted.v1", stream="claims-{rep_id}-{pool_id}-{day}"):
    """One claim of a rep in a pool on a local day."""

    rep_id: Identity
    pool_id: Identity
    day: date
    lead_id: Identity


class LeadReleased(LeadRoutingFact, type="lead-released.v1", stream="lead-{lead_id}", partners=True):
    """The rep put the lead back."""

    lead_id: Identity
    rep_id: Identity
    reason: Note
    released_at: Instant


class LeadConverted(LeadRoutingFact, type="lead-converted.v1", stream="lead-{lead_id}", partners=True):
    """The lead became an opportunity; what was known of it is carried over."""

    lead_id: Identity
    rep_id: Identity
    opportunity_id: Identity
    account_id: Identity
    company: Label
    tier: Tier | None = None
    tags: dict[str, str] = {}
    amount: Decimal | None = None
    currency: str | None = None
    expected_close: date | None = None
    source: LeadSource
    converted_at: Instant


class LeadDisqualified(LeadRoutingFact, type="lead-disqualified.v1", stream="lead-{lead_id}", partners=True):
    """The lead leads nowhere."""

    lead_id: Identity
    rep_id: Identity | None = None
    reason_code: Label
    disqualified_at: Instant


class LeadErased(LeadRoutingFact, type="lead-erased.v1", stream="lead-{lead_id}", partners=True, erases="subjects"):
    """The people of the lead are erased: the keys of `subjects` are destroyed, what was sealed is lost to everybody."""

    lead_id: Identity
    subjects: list[Identity]
    reason_code: Label
    erased_at: Instant


class LeadReopened(LeadRoutingFact, type="lead-reopened.v1", stream="lead-{lead_id}", partners=True):
    """A disqualified lead is worked on again."""

    lead_id: Identity
    reason: Note
    reopened_at: Instant

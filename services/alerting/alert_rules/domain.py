"""Alert rules as data: what is too long, whom it concerns, how it is told, and when it goes up (3.4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from libs.events.contracts.alerting import Severity
from libs.events.deciding import Line
from libs.events.facts import RuleRef
from libs.rules.calendars import Calendar, ClockName
from libs.rules.documents import Finding, PublishedRule, RuleBook, RuleKind, register_kind
from libs.service.organisation import Reach

KIND = "alert-rule"
SILENT, STALE, HANDOFF_STALLED = "A01", "A02", "A08"
SILENCE_RULES = (SILENT, STALE)
Recipient = Literal["rep", "supervisor", "both_superiors", "department_head", "process_owner"]
Hours = Annotated[Decimal, Field(gt=0, le=10_000, decimal_places=2)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Limit(_Document):
    """So many hours of a clock; strict means "more than", which is one second later."""

    hours: Hours
    clock: ClockName = "workday"
    strict: bool = True

    def due(self, calendar: Calendar, start: datetime) -> datetime:
        """The instant at which it is broken, counted from `start`."""
        return calendar.due(start, timedelta(hours=float(self.hours)), self.clock, strict=self.strict).at


class EscalationStep(_Document):
    """How long an alert may stand unacknowledged before the next superior hears of it."""

    after: Limit


class AlertRule(_Document):
    """One alert rule. `group_wait_s` gathers alerts of one window, in seconds, into one message per recipient.

    An acknowledgement lasts at most `ack_max_workdays`. A person who got the lead less than `grace_hours` of business
    time ago is told later than the others. At most five escalations follow one another.
    """

    code: Annotated[str, Field(pattern=r"^A[0-9]{2}$")]
    title: Line
    severity: Severity = "warning"
    limit: Limit | None = None
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=5)]
    boards: Annotated[tuple[Literal["weekly"], ...], Field(max_length=1)] = ()
    group_wait_s: Annotated[int, Field(ge=1, le=3_600)] = 60
    grace_hours: Annotated[Decimal, Field(ge=0, le=40, decimal_places=2)] = Decimal(0)
    ack_max_workdays: Annotated[int, Field(ge=1, le=3)] = 3
    escalation: Annotated[tuple[EscalationStep, ...], Field(max_length=5)] = ()

    def window(self, step: str, due_at: datetime, now: datetime) -> tuple[str, datetime]:
        """The group that an alert due at `due_at` and fired `now` is told with, and when that group is sent.

        Those that were due in the same window are one group although they fire one after another: the group is sent
        when the last of them must have fired. One that fires later than that goes with those that fire when it does.
        """
        wait = self.group_wait_s
        begun = due_at if now - due_at < timedelta(seconds=wait) else now
        start = datetime.fromtimestamp(int(begun.timestamp()) // wait * wait, UTC)
        return f"{self.code} {step} {start.isoformat(timespec='seconds')}", start + timedelta(seconds=2 * wait)


SHIPPED = {
    SILENT: AlertRule(
        code=SILENT,
        title="Silent lead",
        limit=Limit(hours=Decimal(24)),
        recipients=("rep", "supervisor"),
        boards=("weekly",),
        grace_hours=Decimal(4),
    ),
    STALE: AlertRule(
        code=STALE,
        title="Stale lead",
        severity="high",
        limit=Limit(hours=Decimal(72)),
        recipients=("rep", "supervisor"),
        boards=("weekly",),
        grace_hours=Decimal(4),
        escalation=(EscalationStep(after=Limit(hours=Decimal(24), strict=False)),),
    ),
    HANDOFF_STALLED: AlertRule(
        code=HANDOFF_STALLED, title="Stalled handoff", severity="high", recipients=("both_superiors",)
    ),
}


def rule_id_of(code: str) -> str:
    """The id under which a tenant publishes its own version of a shipped rule: `alert-a01`."""
    return f"alert-{code.lower()}"


def lint(document: AlertRule) -> list[Finding]:
    """What the model itself cannot refuse: a shipped rule's code, and limits that make sense together."""
    if document.code not in SHIPPED:
        return [Finding(path="code", message=f"nothing watches {document.code}; one of {', '.join(SHIPPED)}")]
    if document.code in SILENCE_RULES and document.limit is None:
        return [Finding(path="limit", message="a rule about silence needs a limit")]
    return []


def _document(code: str) -> dict[str, Any]:
    return SHIPPED[code].model_dump(mode="json")


ALERT_RULE = register_kind(
    RuleKind(
        KIND,
        AlertRule,
        rule_id_of(SILENT),
        _document(SILENT),
        lint=lint,
        default_name=SHIPPED[SILENT].title,
        more={rule_id_of(code): (SHIPPED[code].title, _document(code)) for code in (STALE, HANDOFF_STALLED)},
    )
)


def rule_in_force(book: RuleBook, code: str) -> PublishedRule | None:
    """The rule of a code that holds now: the tenant's own, else the shipped one; None while it is suspended or retired.

    What a tenant publishes under the shipped id, `alert-a01`, or under any other with that code, replaces it.
    """
    own = [rule for rule in book.published(KIND) if rule.document.get("code") == code]
    if own:
        return max(own, key=lambda rule: (rule.published_at, rule.version, rule.rule_id))
    rule_id = rule_id_of(code)
    stands = book.get(rule_id)
    return None if stands is None or stands.suspended else ALERT_RULE.shipped[rule_id]


def rule_as_of(book: RuleBook, code: str, ref: RuleRef | None) -> AlertRule:
    """The version that an alert was raised under; it keeps it until it is resolved (3.4.7)."""
    found = book.version(ref.rule_id, ref.version) if ref is not None else None
    return (found or ALERT_RULE.shipped[rule_id_of(code)]).parsed(AlertRule)


def stand_in(reach: Reach, person_id: str, at: datetime) -> str:
    """The person, or the delegate while the person is on leave (3.4.4-7)."""
    return reach.delegate_of(person_id, at) or person_id


def addressed(rule: AlertRule, reach: Reach, at: datetime, *owners: str | None) -> list[str]:
    """Whom a rule tells about something of these owners, each once; the process owner where it would be nobody."""
    owned = [owner for owner in owners if owner is not None]
    found: list[str | None] = []
    for recipient in rule.recipients:
        match recipient:
            case "rep":
                found += owned
            case "supervisor" | "both_superiors":
                found += [reach.superior_of(owner) for owner in owned]
            case "department_head":
                found += [reach.head_of_department_of(owner) for owner in owned]
            case "process_owner":
                found.append(reach.process_owner())
    return unique([stand_in(reach, person, at) for person in found if person] or [reach.process_owner()])


def unique(people: Iterable[str | None]) -> list[str]:
    """Each person once, in the order of first mention, nobody left out."""
    return list(dict.fromkeys(person for person in people if person))

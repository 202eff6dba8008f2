"""Collaboration flows as data: which roles get which to-dos when something happens (S-33, S-39, S-40)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from libs.events.contracts.common import Role
from libs.events.deciding import Id, Line
from libs.events.facts import RuleRef
from libs.rules.calendars import ClockName
from libs.rules.documents import Finding, RuleBook
from services.collaboration.accountability import Wanted
from services.collaboration.deliverables.domain import Code, Document

KIND = "collab-flow"


class Filler(Document):
    """Who fills a role of a flow: a person, else somebody with one of `roles` in a department, else its head."""

    person_id: Id | None = None
    roles: Annotated[tuple[Role, ...], Field(max_length=7)] = ()
    department_id: Id | None = None


class FlowStep(Document):
    """Role, task, deliverable; `due` is in hours of a clock from when the event was recorded."""

    role: Code
    title: Line
    deliverable: Line | None = None
    due_h: Annotated[Decimal, Field(gt=0, le=2000)] | None = None
    clock: ClockName = "business"


Steps = Annotated[tuple[FlowStep, ...], Field(max_length=30)]


class Flow(Document):
    """What follows from each kind of event, and who fills the roles."""

    roles: Annotated[dict[Code, Filler], Field(max_length=50)]
    events: Annotated[dict[Code, Steps], Field(min_length=1, max_length=50)]


@dataclass(frozen=True, slots=True)
class Following:
    """The steps that follow from an event, who fills their roles, and the rule that says so."""

    steps: tuple[FlowStep, ...]
    roles: dict[str, Filler]
    refs: tuple[RuleRef, ...]

    def wanted(self, step: FlowStep, person_id: str | None) -> Wanted:
        """Whom a step asks for; `person_id` is whom the event itself names for the role."""
        filler = self.roles.get(step.role, Filler())
        return Wanted(step.role, person_id or filler.person_id, filler.roles, filler.department_id)


def lint(flow: Flow) -> list[Finding]:
    """Roles that steps name and nobody can fill, events without steps, the same task twice."""
    return [*_unfilled(flow), *_empty(flow)]


def following(kind: str, rules: RuleBook) -> Following:
    """What follows from an event of this kind: the flow published last that names it, else the shipped one."""
    own = [rule for rule in rules.published(KIND) if kind in rule.document.get("events", {})]
    if own:
        newest = max(own, key=lambda rule: (rule.published_at, rule.rule_id))
        flow, ref = newest.parsed(Flow), newest.ref
    else:
        flow, ref = SHIPPED, RuleRef(rule_id=SHIPPED_ID, version=0)
    steps = flow.events.get(kind, ())
    return Following(steps, flow.roles, (ref,) if steps else ())


def _unfilled(flow: Flow) -> Iterator[Finding]:
    for kind, steps in flow.events.items():
        for index, step in enumerate(steps):
            if flow.roles.get(step.role, Filler()) == Filler():
                yield Finding(path=f"events.{kind}.{index}.role", message=f"nobody fills the role {step.role}")


def _empty(flow: Flow) -> Iterator[Finding]:
    for kind, steps in flow.events.items():
        if not steps:
            yield Finding(severity="warning", path=f"events.{kind}", message="nothing follows from this event")
        tasks = [(step.role, step.title) for step in steps]
        for role, title in sorted({task for task in tasks if tasks.count(task) > 1}):
            yield Finding(path=f"events.{kind}", message=f"the role {role} gets “{title}” twice")


def _step(role: str, title: str, due_h: int, deliverable: str) -> FlowStep:
    return FlowStep(role=role, title=title, due_h=Decimal(due_h), deliverable=deliverable)


SHIPPED_ID = "collab-flow"
SHIPPED = Flow(
    roles={
        "sales_manager": Filler(roles=("manager", "director"), department_id="sales"),
        "solution_engineer": Filler(roles=("rep", "manager", "director"), department_id="delivery"),
        "delivery_manager": Filler(roles=("manager", "director"), department_id="delivery"),
        "product_manager": Filler(roles=("manager", "director"), department_id="product"),
    },
    events={
        "campaign_online": (_step("sales_manager", "Brief the team on the campaign", 4, "campaign brief read"),),
        "solution_confirmed": (
            _step("sales_manager", "Check the quotation against the confirmed solution", 8, "checked quotation"),
            _step("delivery_manager", "Reserve delivery capacity", 8, "reserved slot"),
        ),
        "delivery_slot_locked": (
            _step("sales_manager", "Tell the customer the delivery dates", 4, "dates confirmed by the customer"),
            _step("solution_engineer", "Check that the site is ready", 15, "site readiness report"),
        ),
        "legal_review_done": (_step("delivery_manager", "Start implementation preparation", 8, "preparation plan"),),
        "customer_feedback": (_step("product_manager", "Assess the customer's feedback", 15, "assessment"),),
    },
)
"""The flow that holds until a tenant publishes its own; a role that nobody fills falls to the process owner."""

"""Leads and people from before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from libs.events.contracts.lead_routing import (
    LeadAssigned,
    LeadCaptured,
    LeadConverted,
    LeadDisqualified,
    LeadSourceBound,
    LeadTagged,
    LeadTiered,
    RepDeactivated,
    RepRegistered,
    WorkloadChanged,
)
from libs.events.deciding import Command, Decider, Given
from libs.events.errors import Rejected
from libs.events.facts import Actor, Dated, Fact
from libs.events.testing.decisions import decide
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.lead_routing.imports.domain import KEEP_PERSON, RECORD_LEAD, RECORD_LEAVING, RecordLead, RecordLeaving
from services.lead_routing.leads.domain import CaptureLead, ContactGiven, From, TagGiven
from services.lead_routing.organisation.domain import RegisterRep
from services.lead_routing.tests.scenes import CALENDARS, EVERYTHING, LONG_HERE, NOON, RULES, SEALER, reach

THEN = NOON - timedelta(days=400)
LEAD = RecordLead(
    capture=CaptureLead(
        lead_id="lead-1",
        source=From(channel="old-crm", external_id="L-1"),
        company="海尔",
        contacts=(ContactGiven(name="王芳", phone="13900000001"),),
        tags=(TagGiven(dimension="budget", value=">2m"),),
    ),
    captured_at=THEN,
    owner_id="rep-li",
)


def record(
    decider: Decider[Any], command: Command, *facts: Fact, channel: Any = "migration", who: Reach = EVERYTHING
) -> list[Any]:
    """The facts that a command of an import leads to."""
    values = {Calendars: CALENDARS, RuleBook: RULES, Sealer: SEALER, Reach: who}
    known = Given(NOON, "demotenant", Actor(kind="migration", id="import-1"), channel, values)
    return list(decide(decider, command, known, facts))


def plain(facts: list[Any]) -> list[Any]:
    """The facts without their time."""
    return [one.fact if isinstance(one, Dated) else one for one in facts]


def test_a_lead_is_written_down_at_its_own_time_with_its_owner() -> None:
    facts = record(RECORD_LEAD, LEAD)
    kinds = [LeadSourceBound, LeadCaptured, LeadTagged, LeadTiered, LeadAssigned, WorkloadChanged]
    assert [type(one) for one in plain(facts)] == kinds
    assert {one.occurred_at for one in facts if isinstance(one, Dated)} == {THEN}
    captured, tiered, assigned = plain(facts)[1], plain(facts)[3], plain(facts)[4]
    assert (captured.captured_at, tiered.tier, assigned.mode, assigned.accept_by) == (THEN, "A", "migration", None)
    assert "王芳" not in captured.model_dump_json()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"outcome": "disqualified", "reason_code": "no_budget"}, LeadDisqualified),
        ({"outcome": "converted", "opportunity_id": "D-1", "account_id": "acme"}, LeadConverted),
    ],
)
def test_a_lead_that_ended_weighs_on_nobody(changes: dict[str, Any], kind: type[Fact]) -> None:
    command = LEAD.model_copy(update={"ended_at": THEN + timedelta(days=3), **changes})
    facts = record(RECORD_LEAD, command)
    assert not [one for one in plain(facts) if isinstance(one, WorkloadChanged)]
    assert isinstance(plain(facts)[-1], kind)
    assert facts[-1].occurred_at == THEN + timedelta(days=3)


@pytest.mark.parametrize(
    "changes",
    [
        {"ended_at": THEN},
        {"outcome": "disqualified"},
        {"outcome": "disqualified", "ended_at": THEN - timedelta(days=1)},
        {"outcome": "converted", "ended_at": THEN},
        {"captured_at": NOON + timedelta(days=1)},
    ],
)
def test_a_lead_that_cannot_have_been_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as refused:
        record(RECORD_LEAD, LEAD.model_copy(update=changes))
    assert refused.value.code == "VALIDATION"


def test_history_is_not_written_onto_a_lead_that_is_known() -> None:
    known = plain(record(RECORD_LEAD, LEAD))
    with pytest.raises(Rejected) as refused:
        record(RECORD_LEAD, LEAD, *known)
    assert refused.value.code == "CONFLICT_STATE"


def test_history_is_for_process_owners_on_the_migration_channel() -> None:
    for more in ({"channel": "api"}, {"who": reach("rep-li")}):
        with pytest.raises(Rejected) as refused:
            record(RECORD_LEAD, LEAD, **more)
        assert refused.value.code == "NOT_PERMITTED"


REGISTERED = RepRegistered(rep_id="rep-li", name="Li", roles=["rep"], effective_from=LONG_HERE)


def test_somebody_who_is_known_is_kept_as_they_are() -> None:
    command = RegisterRep(rep_id="rep-li", name="Li Wei", roles=("manager",))
    assert record(KEEP_PERSON, command, REGISTERED) == []
    assert [type(one) for one in record(KEEP_PERSON, command)] == [RepRegistered]


def test_a_person_left_when_they_left() -> None:
    left = LONG_HERE + timedelta(days=100)
    (fact,) = record(RECORD_LEAVING, RecordLeaving(rep_id="rep-li", left_at=left), REGISTERED)
    assert isinstance(fact.fact, RepDeactivated)
    assert (fact.fact.deactivated_at, fact.occurred_at) == (left, left)
    for impossible in (LONG_HERE - timedelta(days=1), NOON + timedelta(days=1)):
        with pytest.raises(Rejected):
            record(RECORD_LEAVING, RecordLeaving(rep_id="rep-li", left_at=impossible), REGISTERED)

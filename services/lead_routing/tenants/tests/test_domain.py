"""Adding a tenant with what it begins with."""

from __future__ import annotations

from libs.events.contracts.lead_routing import (
    CalendarAssigned,
    CalendarPublished,
    FeedTurnedOff,
    FeedTurnedOn,
    RepRegistered,
    TenantAdded,
)
from libs.events.facts import Fact
from libs.events.testing import given
from services.lead_routing.tenants.domain import ADD_TENANT, TURN_FEED, AddTenant, TurnFeed
from services.lead_routing.tests.scenes import NOON

ADD = AddTenant(tenant_id="demotenant", name="示范", admin_id="he", admin_name="何")


def test_a_tenant_begins_with_the_shipped_calendar_and_an_administrator() -> None:
    outcome = given(ADD_TENANT).when(ADD, NOON)
    assert [type(fact) for fact in outcome.facts] == [TenantAdded, CalendarPublished, CalendarAssigned, RepRegistered]
    facts = [fact for fact in outcome.facts if isinstance(fact, Fact)]
    given(ADD_TENANT, *facts).when(ADD, NOON).then()


def test_the_feed_is_turned_on_and_off() -> None:
    added = TenantAdded(tenant_id="demotenant", name="示范", calendar_id="cn", admin_id="he")
    on, off = TurnFeed(tenant_id="demotenant", on=True), TurnFeed(tenant_id="demotenant", on=False)
    turned_on = FeedTurnedOn(tenant_id="demotenant")
    given(TURN_FEED, added).when(off, NOON).then()
    given(TURN_FEED, added).when(on, NOON).then(turned_on)
    given(TURN_FEED, added, turned_on).when(off, NOON).then(FeedTurnedOff(tenant_id="demotenant"))

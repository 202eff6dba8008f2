"""A rule that is published moves the deadlines that are open."""

from __future__ import annotations

from libs.events.contracts.examples.ids import OWNER_HE, REP_LI
from libs.service.testing.office import Office
from services.alerting.tests.story import at
from services.alerting.tests.test_silence_flow import held


async def test_a_shorter_limit_holds_for_leads_that_are_silent_already(office: Office) -> None:
    """4: published rules take effect within 5 s, whether anything is due or not."""
    await office.hear(*held("lead-1", REP_LI))
    (rule,) = [one for one in await office.items(OWNER_HE, "/alert-rules") if one["rule_id"] == "alert-a01"]
    document = {**rule["document"], "limit": {"hours": "1", "clock": "wall"}}
    draft = {"rule_id": "alert-a01", "name": "Silent lead", "document": document}
    assert (await office.request(OWNER_HE, "POST", "/alert-rules", draft)).status_code == 201
    await office.post(OWNER_HE, "/alert-rules/alert-a01/publish", {"override": "trade fair"})
    await office.until(at("03-06 18:00"))
    assert await office.items(OWNER_HE, "/alerts") == []
    await office.until(at("03-06 18:01"))
    (alert,) = await office.items(REP_LI, "/alerts")
    assert alert["due_at"] == at("03-06 18:00:01").isoformat().replace("+00:00", "Z")

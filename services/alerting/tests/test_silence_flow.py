"""A weekend passes and leads are silent: alerts, messages, acknowledgement, escalation, work, the board."""

from __future__ import annotations

import pytest

from libs.events.contracts.examples.ids import DIRECTOR_SUN, MANAGER_ZHOU, OWNER_HE, REP_CHEN, REP_LI, REP_WANG
from libs.events.contracts.lead_routing import LeadActivityRecorded, LeadAssigned, LeadCaptured, LeadSource
from libs.events.facts import Fact
from libs.service.testing.office import Office
from services.alerting.tests.conftest import INTEGRATION
from services.alerting.tests.story import at
from services.alerting.webhooks.tests.test_webhooks import receiver

LEADS = 50


def held(lead_id: str, rep_id: str) -> list[Fact]:
    """A lead that a rep has since Friday 17:00."""
    return [
        LeadCaptured(
            lead_id=lead_id,
            source=LeadSource(channel="expo"),
            company=f"company of {lead_id}",
            raw_hash=lead_id,
            captured_at=at("03-06 16:00"),
        ),
        LeadAssigned(lead_id=lead_id, rep_id=rep_id, mode="auto", assigned_at=at("03-06 17:00")),
    ]


def call(lead_id: str, local: str) -> LeadActivityRecorded:
    """A call of substance."""
    return LeadActivityRecorded(
        lead_id=lead_id,
        rep_id=REP_LI,
        activity_id=f"call-{lead_id}-{local}",
        kind="call",
        substantive=True,
        happened_at=at(local),
    )


async def test_a_weekend_of_silence(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.4.8-1, 3.4.8-4, 3.4.8-6, 3.4.8-10, S-50, S-51, F5"""
    monkeypatch.setenv("SALESLOOM_ENVIRONMENT", "development")
    for number in range(LEADS):
        await office.hear(*held(f"lead-{number}", REP_LI))
    await office.hear(*held("lead-of-wang", REP_WANG))

    await office.until(at("03-09 17:00"))
    assert await office.items(OWNER_HE, "/alerts") == []
    await office.until(at("03-09 17:01"))
    mine = await office.items(REP_LI, "/alerts?state=firing&rule=A01&limit=200")
    assert len(mine) == LEADS
    assert {alert["due_at"] for alert in mine} == {"2026-03-09T09:00:01Z"}
    assert len(await office.items(MANAGER_ZHOU, "/alerts?limit=200")) == LEADS + 1
    assert [alert["subject_id"] for alert in await office.items(REP_WANG, "/alerts")] == ["lead-of-wang"]
    assert await office.items(REP_CHEN, "/alerts") == []

    await office.until(at("03-09 17:03"))
    messages = await office.items(OWNER_HE, "/notifications")
    assert {(message["recipient"], len(message["lines"]), message["state"]) for message in messages} == {
        (REP_LI, LEADS, "sent"),
        (REP_WANG, 1, "sent"),
        (MANAGER_ZHOU, LEADS + 1, "sent"),
    }
    assert len(messages) == 3
    assert [message["recipient"] for message in await office.items(REP_LI, "/notifications")] == [REP_LI]

    (alert,) = await office.items(REP_LI, "/alerts?subject=lead-7")
    path = f"/alerts/{alert['alert_id']}"
    assert (await office.request(REP_WANG, "GET", path)).status_code == 404
    too_long = {"until": "2026-03-13T17:03:00+08:00", "next_action": "call"}
    assert (await office.refused(REP_LI, f"{path}/ack", too_long))["status"] == 422
    nothing = {"until": "2026-03-10T10:00:00+08:00", "next_action": ""}
    assert (await office.refused(REP_LI, f"{path}/ack", nothing))["status"] == 422
    await office.post(REP_LI, f"{path}/ack", {**nothing, "next_action": "will call at 10:00"})

    async with receiver("204 No Content") as (url, got):
        registered = await office.request(OWNER_HE, "POST", "/webhooks", {"url": url, "recipients": [DIRECTOR_SUN]})
        assert registered.status_code == 201, registered.text
        assert registered.json()["secret"].startswith("whsec_")
        assert [one["url"] for one in await office.items(OWNER_HE, "/webhooks")] == [url]
        await office.until(at("03-10 10:00"))
        shown = await office.get(DIRECTOR_SUN, path)
        assert (shown["state"], shown["level"], shown["reached"]) == (
            "firing",
            1,
            [REP_LI, MANAGER_ZHOU, DIRECTOR_SUN],
        )
        await office.until(at("03-10 10:03"))
        (to_director,) = await office.items(DIRECTOR_SUN, f"/notifications?recipient={DIRECTOR_SUN}")
        assert (to_director["channel"], to_director["state"]) == (f"webhook:{registered.json()['id']}", "sent")
        assert len(got) == 1

    await office.hear(call("lead-7", "03-10 10:02"))
    done = await office.request(REP_LI, "GET", path)
    assert (done.json()["state"], done.json()["cause"]) == ("resolved", "activity")
    assert done.headers["ETag"] == f'"{done.json()["version"]}"'
    await office.post(MANAGER_ZHOU, f"{path}/feedback", {"verdict": "useful"})

    live = await office.get(MANAGER_ZHOU, "/boards/weekly")
    assert (live["week"], live["frozen"], live["closes_at"]) == ("2026-W11", False, "2026-03-13T10:00:00Z")
    assert (live["figures"]["silent"], live["figures"]["cleared"]) == (LEADS, 1)
    assert len(await office.items(REP_WANG, "/boards/weekly")) == 1

    await office.until(at("03-13 18:01"))
    frozen = await office.get(OWNER_HE, "/boards/weekly?week=2026-W11")
    assert (frozen["frozen"], frozen["figures"]["stale"], frozen["late_by"]) == (True, LEADS + 1, 0)
    assert frozen["items"][0]["summary"].startswith("company of ")
    assert (await office.request(OWNER_HE, "GET", "/boards/weekly?week=2026-W60")).json()["code"] == "MALFORMED"
    first = await office.get(OWNER_HE, "/alerts?limit=60")
    second = await office.get(OWNER_HE, f"/alerts?limit=60&cursor={first['next']}")
    ids = [alert["alert_id"] for alert in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == 2 * LEADS + 3


async def test_alert_rules_have_a_life_cycle(office: Office) -> None:
    """3.4.6"""
    rules = await office.items(OWNER_HE, "/alert-rules")
    assert [(rule["rule_id"], rule["state"]) for rule in rules] == [
        ("alert-a01", "shipped"),
        ("alert-a02", "shipped"),
        ("alert-a08", "shipped"),
    ]
    draft = {**rules[0]["document"], "severity": "critical"}
    body = {"rule_id": "alert-a01", "name": "Silent lead", "document": draft}
    assert (await office.request(OWNER_HE, "POST", "/alert-rules", body)).status_code == 201
    await office.post(OWNER_HE, "/alert-rules/alert-a01/publish", {"override": "trade fair tomorrow"})


async def test_a_partner_sends_a_signal(office: Office) -> None:
    event = {
        "specversion": "1.0",
        "id": "waybill-7",
        "source": "logistics.example",
        "type": "shipment.delayed",
        "time": office.clock.now().isoformat(),
        "subject": "order/order-7",
        "data": {"days": 1},
    }
    assert (await office.refused(REP_LI, "/signals", event))["status"] == 403
    sent = await office.request(INTEGRATION, "POST", "/signals", event)
    assert sent.status_code == 202, sent.text
    again = await office.request(INTEGRATION, "POST", "/signals", event)
    assert (again.json()["id"], again.json()["facts"]) == (sent.json()["id"], [])
    early = {**event, "id": "waybill-8", "time": "2027-01-01T00:00:00Z"}
    assert (await office.refused(INTEGRATION, "/signals", early))["status"] == 422
    signals = await office.items(INTEGRATION, "/signals")
    assert {(one["external_id"], one["state"]) for one in signals} == {
        ("waybill-7", "received"),
        ("waybill-8", "refused"),
    }

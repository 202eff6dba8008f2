"""What happens to a browser in the middle of its work: another tab was faster, the token has expired."""

from __future__ import annotations

from typing import Any

import pytest

from dev.clients import Clients
from dev.stack import Stack
from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.settings import Settings
from tests.integration.organisations import CONNECTOR, HE, LI, build_organisation, lead

SERVICE = "lead-routing"


@pytest.fixture
def office(clients: Clients) -> Clients:
    """A tenant with an organisation."""
    build_organisation(clients)
    return clients


def test_the_slower_of_two_tabs_is_told_what_is_there_now(office: Clients) -> None:
    """A.6: both read one version; one wins, the other gets 412 with the present version, and what to do."""
    lead_id = str(office.post(CONNECTOR, SERVICE, "/v1/leads", lead("badge-1"))["id"])
    path = f"/v1/leads/{lead_id}"
    office.post(HE, SERVICE, f"{path}/assign", {"rep_id": LI, "reason": "老客户"})
    tag = office.ask(HE, "GET", SERVICE, path).headers["ETag"]
    bodies = [{"dimension": "budget", "value": value, "reason": "客户更正"} for value in ("100k-500k", "2m-10m")]
    first, second = (
        office.ask(HE, "POST", SERVICE, f"{path}/tags", body, headers={"If-Match": tag}) for body in bodies
    )
    assert (first.status_code, second.status_code) == (200, 412)
    problem: Any = second.json()
    assert (problem["code"], f'"{problem["current"]}"') == ("VERSION_CONFLICT", first.headers["ETag"])
    assert problem["fix"]
    assert office.get(HE, SERVICE, path)["tags"]["budget"] == "100k-500k"
    again = office.ask(
        HE,
        "POST",
        SERVICE,
        f"{path}/tags",
        bodies[1],
        headers={"If-Match": office.ask(HE, "GET", SERVICE, path).headers["ETag"]},
    )
    assert again.status_code == 200


def test_a_token_that_expires_in_the_middle_costs_nothing(office: Clients, product: Stack) -> None:
    """A.6: 401, and with a fresh token the same key has the same answer; nothing is done twice or left out."""
    person = DemoPerson(person=CONNECTOR, tenant=office.tenant, name="线索接口", roles=["integration"])
    key = signing_key(product.places.secrets / "issuer-key")
    audience = Settings(service=SERVICE, environment="development").audience
    expired = {"Authorization": f"Bearer {access_token(key, product.issuer, audience, person, lifetime=-120)}"}
    sent = [{"Idempotency-Key": f"{office.tenant}-{number}"} for number in range(2)]
    before: Any = office.ask(CONNECTOR, "POST", SERVICE, "/v1/leads", lead("badge-2"), headers=sent[0])
    assert before.status_code == 201
    for headers in sent:
        refused = office.ask(CONNECTOR, "POST", SERVICE, "/v1/leads", lead("badge-2"), headers={**headers, **expired})
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    again: Any = office.ask(CONNECTOR, "POST", SERVICE, "/v1/leads", lead("badge-2"), headers=sent[0])
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (before.json(), "true")
    late: Any = office.ask(CONNECTOR, "POST", SERVICE, "/v1/leads", lead("badge-3"), headers=sent[1])
    assert (late.status_code, "Idempotency-Replayed" in late.headers) == (201, False)

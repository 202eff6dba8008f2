"""Tokens, keys, versions, cursors and limits that are broken, stale, forged or somebody else's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7

from libs.service.issuer import DemoPerson, access_token, signing_key
from libs.service.settings import Settings
from tests.api.firm import EVERYTHING, ROLES, Firm, Operation
from tests.api.refusing import ask, nothing_written, refused
from tests.integration.organisations import LI

COMMANDS = {
    "lead-routing": ("/v1/departments", {"name": "市场部"}, {"name": "市场二部"}),
    "pipeline": ("/v1/accounts", {"name": "翠竹"}, {"name": "兰花"}),
    "collaboration": (
        "/v1/collab-events",
        {"kind": "site_visit", "subject_type": "lead", "subject_id": "one"},
        {"kind": "site_visit", "subject_type": "lead", "subject_id": "two"},
    ),
    "alerting": ("/v1/webhooks", {"url": "https://hooks.example.com/a"}, {"url": "https://hooks.example.com/b"}),
}
"""A command of each service with two bodies."""
CHANGES = {
    "lead-routing": ("leads/{lead_id}", "tags", {"dimension": "region", "value": "jiangsu/nantong", "reason": "名片"}),
    "pipeline": ("opportunities/{opportunity_id}", "lose", {"reason_code": "price"}),
    "collaboration": ("handoffs/{handoff_id}", "comments", {"text": "客户更希望线下沟通"}),
    "alerting": ("alerts/{alert_id}", "feedback", {"verdict": "late"}),
}
"""A command on something that is there, in each service."""
NOT_A_TOKEN = (
    "Bearer",
    "Bearer x",
    "Bearer a.b.c",
    "bearer e30.e30.e30",
    f"Bearer {'=' * 40}",
    f"Bearer {'a' * 9_000}",
    "Basic eDp5",
)
NOT_A_KEY = ("", "two words", "x" * 201, '""', "é".encode())
NOT_A_VERSION = ("7", 'W/"7"', '"-1"', '"x"', '"1", "2"', '"99999999999999999999"', "")
NOT_SEEN = ("x", "%%%", "e30", base64.urlsafe_b64encode(b'["pipeline/x@0"]').decode(), "[" * 3_000, "a," * 200)
NOT_A_CURSOR = ("x", "%25", "e30", "A" * 60, "-1", "'; drop table leads")


def guarded(firm: Firm) -> Iterator[tuple[Operation, str, dict[str, str]]]:
    """Every operation that needs a token, with its place."""
    return ((one, *firm.place(one)) for one in firm.operations() if one.described["security"])


def lists(firm: Firm) -> Iterator[tuple[Operation, str, dict[str, str]]]:
    """Every operation that answers in pages, with its place."""
    for operation, path, query in guarded(firm):
        if any(one.get("name") == "cursor" for one in operation.described.get("parameters", ())):
            yield operation, path, query


def keys(firm: Firm) -> Iterator[tuple[str, str]]:
    """Tokens that look right and are not, with what is wrong."""
    audience = Settings(service="kpi", environment="development").audience
    person = DemoPerson(person=EVERYTHING, tenant=firm.clients.tenant, name="全能", roles=list(ROLES))
    ours = signing_key(firm.stack.places.secrets / "issuer-key")
    theirs = ECKey.generate_key("P-256", {"kid": ours.kid, "alg": "ES256", "use": "sig"})
    good = access_token(ours, firm.stack.issuer, audience, person)
    head, claims, signature = good.split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt"}).encode()).decode().rstrip("=")
    yield "signed with another key", access_token(theirs, firm.stack.issuer, audience, person)
    yield "expired", access_token(ours, firm.stack.issuer, audience, person, lifetime=-600)
    yield "for somebody else", access_token(ours, firm.stack.issuer, "another", person)
    yield "from another issuer", access_token(ours, "https://issuer.example.com", audience, person)
    yield "not signed", f"{unsigned}.{claims}."
    yield "of a broken signature", f"{head}.{claims}.{signature[:-8]}AAAAAAAA"
    yield "of other claims", f"{head}.{claims[:-8]}AAAAAAAA.{signature}"
    broken = person.model_copy(update={"tenant": "' or true --"})
    yield "of no tenant", access_token(ours, firm.stack.issuer, audience, broken)


def test_no_operation_answers_without_a_token(firm: Firm) -> None:
    with nothing_written(firm):
        for operation, path, query in guarded(firm):
            answer = ask(firm, operation.method, operation.service, path, {"Authorization": None}, params=query)
            refused(answer, 401, "UNAUTHENTICATED")
            assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("token", NOT_A_TOKEN)
def test_what_is_no_token_is_refused(firm: Firm, token: str) -> None:
    for service in firm.documents:
        answer = ask(firm, "GET", service, _some_list(firm, service), {"Authorization": token})
        refused(answer, 401, "UNAUTHENTICATED")


def test_a_token_that_is_forged_or_expired_or_for_others_is_refused(firm: Firm) -> None:
    for service in firm.documents:
        for wrong, token in keys(firm):
            answer = ask(firm, "GET", service, _some_list(firm, service), {"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, f"a token {wrong} was taken"
            refused(answer, 401, "UNAUTHENTICATED")


def _some_list(firm: Firm, service: str) -> str:
    return next(path for operation, path, query in lists(firm) if operation.service == service and not query)


def test_every_command_needs_an_idempotency_key(firm: Firm) -> None:
    with nothing_written(firm):
        for operation, path, _ in guarded(firm):
            if operation.method == "POST" and "multipart" not in str(operation.described.get("requestBody")):
                for dry_run in ({}, {"dry_run": "true"}):
                    answer = _sent(firm, operation, path, {"Idempotency-Key": None}, params=dry_run)
                    refused(answer, 400, "IDEMPOTENCY_KEY_REQUIRED")


def _sent(
    firm: Firm, operation: Operation, path: str, headers: dict[str, str | None], **options: Any
) -> httpx2.Response:
    """A command with the example of its body."""
    content = operation.described.get("requestBody", {}).get("content", {})
    if content:
        schemas = firm.documents[operation.service]["components"]["schemas"]
        options["json"] = schemas[content["application/json"]["schema"]["$ref"].rpartition("/")[2]]["examples"][0]
    return ask(firm, "POST", operation.service, path, headers, **options)


@pytest.mark.parametrize("service", COMMANDS)
def test_what_is_no_key_is_refused(firm: Firm, service: str) -> None:
    path, body, _ = COMMANDS[service]
    with nothing_written(firm):
        for key in NOT_A_KEY:
            refused(ask(firm, "POST", service, path, {"Idempotency-Key": key}, json=body), 400, "MALFORMED")


@pytest.mark.parametrize("service", COMMANDS)
def test_a_key_belongs_to_one_request(firm: Firm, service: str) -> None:
    path, body, other = COMMANDS[service]
    key = {"Idempotency-Key": str(uuid7())}
    first = ask(firm, "POST", service, path, key, json=body)
    assert first.status_code == 201, first.text
    with nothing_written(firm):
        refused(ask(firm, "POST", service, path, key, json=other), 422, "IDEMPOTENCY_MISMATCH")
        refused(ask(firm, "POST", service, path, {**key, "If-Match": '"1"'}, json=body), 422, "IDEMPOTENCY_MISMATCH")
        again = ask(firm, "POST", service, path, key, json=body)
        assert (again.json()["id"], again.headers["idempotency-replayed"]) == (first.json()["id"], "true")


@pytest.mark.parametrize("service", CHANGES)
def test_a_stale_version_is_refused_with_the_present_one(firm: Firm, service: str) -> None:
    place, verb, body = CHANGES[service]
    path = f"/v1/{place.format(**firm.ids)}"
    seen = firm.clients.ask(EVERYTHING, "GET", service, path)
    present = int(seen.headers["etag"].strip('"'))
    with nothing_written(firm):
        for version in (0, present - 1, present + 1, 999_999_999):
            answer = ask(firm, "POST", service, f"{path}/{verb}", {"If-Match": f'"{version}"'}, json=body)
            assert refused(answer, 412, "VERSION_CONFLICT")["current"] == present
        for nonsense in NOT_A_VERSION:
            answer = ask(firm, "POST", service, f"{path}/{verb}", {"If-Match": nonsense}, json=body)
            refused(answer, 400, "MALFORMED")


@pytest.mark.parametrize("name", ["Occurred-At", "Channel", "Occurred-Reason"])
def test_headers_that_say_nothing_we_know_are_refused(firm: Firm, name: str) -> None:
    nonsense = {"Occurred-At": ("yesterday", "1", "2026-03-02", "2026-03-02T09:00:00", "9999-12-31T23:59:59-14:00")}
    with nothing_written(firm):
        for service, (path, body, _) in COMMANDS.items():
            for text in nonsense.get(name, ("a%00b", "a%0ab", "x" * 5_000)):
                refused(ask(firm, "POST", service, path, {name: text}, json=body), 400, "MALFORMED")


def test_a_consistency_token_that_is_none_of_ours_is_refused(firm: Firm) -> None:
    for token in NOT_SEEN:
        for service in firm.documents:
            headers = {"Consistency-Token": token}
            refused(ask(firm, "GET", service, _some_list(firm, service), headers), 400, "MALFORMED")
            if service in COMMANDS:
                path, body, _ = COMMANDS[service]
                with nothing_written(firm):
                    refused(ask(firm, "POST", service, path, headers, json=body), 400, "MALFORMED")


def test_what_is_no_cursor_is_refused_by_every_list(firm: Firm) -> None:
    for operation, path, query in lists(firm):
        for cursor in NOT_A_CURSOR:
            answer = ask(firm, "GET", operation.service, path, params={**query, "cursor": cursor})
            refused(answer, 400, "CURSOR_INVALID")
        refused(ask(firm, "GET", operation.service, path, params={**query, "cursor": "x" * 4_001}), 422, "VALIDATION")


def test_a_cursor_belongs_to_its_list_its_filters_and_its_tenant(firm: Firm) -> None:
    page = firm.clients.get(EVERYTHING, "lead-routing", "/v1/reps", params={"limit": 1})
    cursor = {"limit": "1", "cursor": page["next"]}
    following = ask(firm, "GET", "lead-routing", "/v1/reps", params=cursor)
    assert following.json()["items"][0]["rep_id"] > page["items"][0]["rep_id"]
    for path, filters in (("/v1/reps", {"active": "true"}), ("/v1/teams", {}), ("/v1/leads", {})):
        refused(ask(firm, "GET", "lead-routing", path, params={**cursor, **filters}), 400, "CURSOR_INVALID")
    refused(ask(firm, "GET", "pipeline", "/v1/accounts", params=cursor), 400, "CURSOR_INVALID")


def test_a_limit_is_taken_to_the_nearest_or_refused(firm: Firm) -> None:
    for operation, path, query in lists(firm):
        for limit in ("0", "-1", "1000000000", str(1 << 70)):
            answer = ask(firm, "GET", operation.service, path, params={**query, "limit": limit})
            assert answer.status_code == 200, f"{operation.name} limit={limit} {answer.text[:300]}"
            assert len(answer.json()["items"]) <= 200
        for limit in ("abc", "1.5", "", "NaN", "1e400", "１0x"):
            refused(ask(firm, "GET", operation.service, path, params={**query, "limit": limit}), 422, "VALIDATION")


def test_addresses_and_methods_that_are_not_there_are_refused(firm: Firm) -> None:
    for service in firm.documents:
        refused(ask(firm, "GET", service, "/v1/nothing"), 404, "NOT_FOUND")
        refused(ask(firm, "DELETE", service, _some_list(firm, service)), 405, "METHOD_NOT_ALLOWED")
        refused(ask(firm, "GET", service, f"/v1/{'x' * 9_000}"), 414, "URL_TOO_LONG")
        refused(
            ask(firm, "GET", service, _some_list(firm, service), {"X-Much": "x" * 20_000}), 431, "HEADERS_TOO_LARGE"
        )
        for query in ("limit=%00", "cursor=a%00b", "limit=%ff"):
            refused(ask(firm, "GET", service, f"{_some_list(firm, service)}?{query}"), 400, "MALFORMED")


def test_whoever_lacks_the_role_is_told_which_one_it_takes(firm: Firm) -> None:
    li = {"Authorization": f"Bearer {firm.clients.token(LI)}"}
    with nothing_written(firm):
        for operation, path, query in guarded(firm):
            if "rep" not in operation.described["x-roles"] and "multipart" not in str(operation.described):
                answer = (
                    ask(firm, "GET", operation.service, path, li, params=query)
                    if operation.method == "GET"
                    else _sent(firm, operation, path, li)
                )
                wanted = ", ".join(operation.described["x-roles"])
                assert wanted in refused(answer, 403, "NOT_PERMITTED")["detail"]

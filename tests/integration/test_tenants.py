"""No tenant sees another's data: by HTTP, by SQL, within a tenant by role."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from dev.clients import Clients
from dev.stack import Stack
from dev.timeline import Timeline
from tests.integration.databases import rows
from tests.integration.operations import Operation, operations
from tests.integration.organisations import CONNECTOR, HE, LI, POOL, QIAN, SUN, WANG, ZHOU, build_organisation, lead

ROLES = ["rep", "manager", "director", "process-owner", "integration", "operator", "auditor"]
EVERYTHING = "somebody-with-all-roles"
RULES = {
    "lead-routing": ("routing-policies", "tier-policies"),
    "pipeline": ("pipeline-definitions",),
    "collaboration": ("flows", "deliverable-templates"),
    "alerting": ("alert-rules",),
}
ENUMERATED = {"code", "requirement"}
"""Parameters in paths that name a metric or a requirement's code: the same in every tenant."""


@pytest.fixture(scope="module")
def one(product: Stack) -> Iterator[Clients]:
    """A tenant with an organisation, and a person with all roles."""
    with Clients(product) as clients:
        build_organisation(clients)
        clients.sign_up(EVERYTHING, "全能", ROLES)
        yield clients


@pytest.fixture(scope="module")
def other(product: Stack) -> Iterator[Clients]:
    """Another tenant, with a person with all roles and nothing else."""
    with Clients(product) as clients:
        clients.sign_up(EVERYTHING, "全能", ROLES)
        yield clients


@pytest.fixture(scope="module")
def ids(one: Clients) -> Iterator[dict[str, str]]:
    """The id of something of every kind, by the name that paths give it, in the first tenant."""
    timeline = Timeline(one.stack)
    for service, paths in RULES.items():
        for path in paths:
            _draft(one, service, path)
    made = {"rule_id": "own", "pool_id": POOL, "person_id": LI, "rep_id": LI}
    made |= _of_lead_routing(one) | _of_pipeline(one, timeline)
    made |= _of_collaboration(one, made["lead_id"], timeline) | _of_alerting(one, timeline)
    yield made
    timeline.close()


def _draft(clients: Clients, service: str, path: str) -> None:
    """A rule of the tenant's own, with the document of a shipped one."""
    shipped = clients.get(HE, service, f"/v1/{path}")["items"][0]
    document = clients.get(HE, service, f"/v1/{path}/{shipped['rule_id']}")["document"]
    clients.post(HE, service, f"/v1/{path}", {"rule_id": f"own-{path}", "name": "own", "document": document})


def _of_lead_routing(clients: Clients) -> dict[str, str]:
    lead_id = clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead("badge-1"))["id"]
    clients.post(HE, "lead-routing", f"/v1/leads/{lead_id}/assign", {"rep_id": LI, "reason": "老客户"})
    leave = {"starts_at": "2026-10-01T09:00:00+08:00", "ends_at": "2026-10-09T00:00:00+08:00"}
    leave_id = clients.post(LI, "lead-routing", f"/v1/reps/{LI}/leave", leave)["id"]
    calendar = {"calendar_id": "urumqi", "version": "1", "zone": "Asia/Urumqi"}
    clients.post(HE, "lead-routing", "/v1/calendars", calendar)
    people = _import(clients, "lead-routing", "/v1/lead-imports", "people", "account\n兰花\n")
    return {"lead-routing import_id": people, "lead_id": lead_id, "leave_id": leave_id, "calendar_id": "urumqi"}


def _import(clients: Clients, service: str, path: str, entity: str, table: str) -> str:
    """The id of an import of one row."""
    columns = {"entity": entity, "columns": {"account": "name"}}
    mapping = {"source": "one", "zone": "Asia/Shanghai", "date_formats": ["%Y-%m-%d"], "files": {"a.csv": columns}}
    files = {"mapping": ("m.json", json.dumps(mapping).encode()), "files": ("a.csv", table.encode())}
    return str(clients.post(HE, service, path, files=files)["id"])


def _of_pipeline(clients: Clients, timeline: Timeline) -> dict[str, str]:
    account = clients.post(LI, "pipeline", "/v1/accounts", {"name": "Orchid"})["id"]
    product = clients.post(HE, "pipeline", "/v1/products", {"name": "GTX Pro"})["id"]
    deal = clients.post(LI, "pipeline", "/v1/opportunities", {"name": "Orchid", "account_id": account})["id"]
    started = _import(clients, "pipeline", "/v1/imports", "accounts", "account\nOrchid II\n")
    timeline.drain()
    return {"account_id": account, "product_id": product, "opportunity_id": deal, "import_id": started}


def _of_collaboration(clients: Clients, lead_id: str, timeline: Timeline) -> dict[str, str]:
    body = {"scene": "marketing_lead_handoff", "subject_type": "lead", "subject_id": lead_id, "to_person": QIAN}
    handoff = clients.post(LI, "collaboration", "/v1/handoffs", body)["id"]
    codes = ("customer_profile", "touch_records", "initial_intent_grade")
    items = {"items": [{"code": code, "value": "有"} for code in codes]}
    clients.post(LI, "collaboration", f"/v1/handoffs/{handoff}/submit", items)
    asked = clients.post(QIAN, "collaboration", f"/v1/handoffs/{handoff}/clarifications", {"question": "预算多少？"})
    timeline.drain()
    todo = clients.get(HE, "collaboration", "/v1/todos")["items"][0]["todo_id"]
    return {"handoff_id": handoff, "clarification_id": asked["id"], "todo_id": todo}


def _of_alerting(clients: Clients, timeline: Timeline) -> dict[str, str]:
    """A webhook, and an alert about a lead that is silent for a minute, which is too long by the tenant's own rule."""
    rule = clients.get(HE, "alerting", "/v1/alert-rules/alert-a01")["document"]
    rule = {**rule, "limit": {"hours": "0.01", "clock": "wall"}}
    clients.post(HE, "alerting", "/v1/alert-rules", {"rule_id": "alert-a01", "name": "Silent", "document": rule})
    clients.post(HE, "alerting", "/v1/alert-rules/alert-a01/publish", {"override": "a test"})
    hook = {"url": "https://hooks.example.com/one", "recipients": [SUN]}
    webhook = clients.post(HE, "alerting", "/v1/webhooks", hook)["id"]
    timeline.advance(timeline.now + timedelta(minutes=1))
    alert = clients.get(HE, "alerting", "/v1/alerts?rule=A01")["items"][0]["alert_id"]
    return {"webhook_id": webhook, "alert_id": alert}


def _asked(clients: Clients, operation: Operation, ids: dict[str, str]) -> httpx2.Response:
    wanted = {name: ids.get(f"{operation.service} {name}", ids.get(name, "")) for name in operation.names}
    if "rule_id" in wanted:
        wanted["rule_id"] += f"-{operation.path.split('/')[2]}"
    wanted |= {name: "process_health" if name == "code" else "meeting_minutes" for name in ENUMERATED}
    return clients.ask(EVERYTHING, operation.method, operation.service, operation.place(wanted), **operation.body)


def test_ids_of_another_tenant_are_not_found_by_any_operation(
    one: Clients, other: Clients, ids: dict[str, str]
) -> None:
    """Promise 9: whoever may do everything in one tenant finds nothing of another, and cannot tell it from nothing."""
    walked = 0
    for operation in operations(one):
        if not set(operation.names) - ENUMERATED:
            continue
        assert set(operation.names) <= ids.keys() | ENUMERATED, f"make something for {operation.path} to find"
        answer = _asked(other, operation, ids)
        told = f"{operation.method} {operation.path} {answer.text[:300]}"
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), told
        unknown = _asked(other, operation, dict.fromkeys(ids, "nobody-knows"))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND"), told
        if operation.method == "GET":
            found = _asked(one, operation, ids)
            assert found.status_code == 200, f"{operation.path} {found.text[:300]}"
        walked += 1
    assert walked > 100


def test_no_list_shows_anything_of_another_tenant(one: Clients, other: Clients, ids: dict[str, str]) -> None:
    """Promise 9"""
    texts = {*ids.values(), "Orchid", "苏州精工制造有限公司", one.tenant}
    for operation in operations(one):
        if operation.method == "GET" and not set(operation.names) - ENUMERATED:
            answer = _asked(other, operation, ids)
            assert answer.status_code in {200, 404}, f"{operation.path} {answer.text[:300]}"
            assert not [text for text in texts if f'"{text}"' in answer.text], operation.path


@pytest.mark.parametrize("tenant", [None, "", "nobodyknows", "' or true --"])
def test_the_api_role_sees_no_row_without_the_right_tenant(
    product: Stack, ids: dict[str, str], tenant: str | None
) -> None:
    """Promise 9"""
    for member in product.members.values():
        assert sum(_counted(member.database.api_url, tenant).values()) == 0


def test_the_api_role_sees_the_rows_of_the_tenant_that_is_set(
    product: Stack, one: Clients, other: Clients, ids: dict[str, str]
) -> None:
    for member in product.members.values():
        of_one, of_other = (_counted(member.database.api_url, clients.tenant) for clients in (one, other))
        assert sum(of_one.values()) > sum(of_other.values()) > 0
        everything = _counted(member.database.worker_url, None)
        assert all(of_one[table] + of_other[table] <= count for table, count in everything.items())


def _counted(url: str, tenant: str | None) -> dict[str, int]:
    """The rows of every table of the serving read models, as a role sees them with that tenant set."""
    tables = rows(
        url,
        "select t.schemaname, t.tablename from pg_catalog.pg_tables t"
        " join log.builds b on b.schema_name = t.schemaname where b.state = 'serving' order by 1, 2",
    )
    assert tables
    counts = " union all ".join(
        f'select \'{schema}.{table}\' as name, (select count(*) from "{schema}"."{table}") as n'
        for schema, table in tables
    )
    if tenant is None:
        return dict(map(tuple, rows(url, counts)))
    sql = f"with t as materialized (select set_config('app.tenant', $1, false)), c as ({counts}) select c.* from t, c"
    return dict(map(tuple, rows(url, sql, tenant)))


def test_a_rep_sees_own_leads_and_a_manager_those_of_the_team(clients: Clients, timeline: Timeline) -> None:
    """3.1.6"""
    build_organisation(clients)
    owners = {}
    for number, owner in enumerate((LI, WANG, LI)):
        lead_id = clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead(f"badge-{number}"))["id"]
        clients.post(HE, "lead-routing", f"/v1/leads/{lead_id}/assign", {"rep_id": owner, "reason": "老客户"})
        owners[lead_id] = owner
    timeline.drain()

    def seen(person: str) -> dict[str, Any]:
        items = clients.get(person, "lead-routing", "/v1/leads")["items"]
        return {one["lead_id"]: one["owner_id"] for one in items}

    assert seen(LI) == {lead_id: owner for lead_id, owner in owners.items() if owner == LI}
    assert seen(WANG) == {lead_id: owner for lead_id, owner in owners.items() if owner == WANG}
    assert seen(ZHOU) == seen(SUN) == seen(HE) == owners
    assert seen(QIAN) == {}
    (of_wang,) = seen(WANG)
    assert clients.ask(LI, "GET", "lead-routing", f"/v1/leads/{of_wang}").status_code == 404
    assert clients.ask(LI, "POST", "lead-routing", f"/v1/leads/{of_wang}/accept", {}).status_code in {403, 404}

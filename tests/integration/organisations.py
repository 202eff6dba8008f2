"""A sales organisation over HTTP: departments, teams and people, who are also known to the issuer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dev.clients import Clients

HE, SUN, ZHOU, LI, WANG, WU, QIAN = "owner-he", "director-sun", "manager-zhou", "li", "wang", "head-wu", "qian"
CONNECTOR = "connector"
POOL = "pool-east"
TAGS = {
    "industry": "manufacturing/auto",
    "budget": "500k-2m",
    "interaction": "hot",
    "region": "jiangsu/suzhou",
    "product": "gtx-pro",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here; `skills` by dimension, each value with full strength."""

    person_id: str
    name: str
    role: str = "rep"
    team: str | None = None
    manager: str | None = None
    skills: Mapping[str, Sequence[str]] = field(default_factory=dict)
    load: int = 30
    a_day: int = 100


PEOPLE = (
    Person(HE, "何流程", "process-owner"),
    Person(SUN, "孙总监", "director", "east"),
    Person(ZHOU, "周经理", "manager", "east", SUN),
    Person(LI, "李销售", "rep", "east", ZHOU, {"industry": ["retail/food"], "region": ["zhejiang"]}),
    Person(
        WANG,
        "王销售",
        "rep",
        "east",
        ZHOU,
        {"industry": ["manufacturing/auto"], "region": ["jiangsu"], "interaction": ["farmer"], "product": ["gtx-pro"]},
    ),
    Person(WU, "吴主管", "director", "delivery-one"),
    Person(QIAN, "钱交付", "rep", "delivery-one", WU, load=1, a_day=0),
)
"""Sales under director Sun with Zhou's team east, delivery under Wu; Wang knows the trade of `TAGS` best."""


def build_organisation(clients: Clients, people: Sequence[Person] = PEOPLE) -> None:
    """Register two departments, their teams, the public pool and these people, and let all of them sign in."""
    admin = clients.admin
    clients.sign_up(CONNECTOR, "线索接口", ["integration"])
    for department, name, head in (("sales", "销售部", SUN), ("delivery", "交付部", WU)):
        body = {"department_id": department, "name": name, "head_id": head}
        clients.post(admin, "lead-routing", "/v1/departments", body)
    for team, name, department, lead in (("east", "华东", "sales", ZHOU), ("delivery-one", "交付一组", "delivery", WU)):
        body = {"team_id": team, "name": name, "department_id": department, "lead_id": lead, "region": "east"}
        clients.post(admin, "lead-routing", "/v1/teams", body)
    clients.post(admin, "lead-routing", "/v1/pools", {"pool_id": POOL, "name": "华东公海"})
    clients.post(admin, "lead-routing", f"/v1/pools/{POOL}/rules", {"claims_per_day": 5})
    for person in people:
        register(clients, person)


def register(clients: Clients, person: Person) -> None:
    """Register one person with their place, skills and capacity."""
    body: dict[str, Any] = {"rep_id": person.person_id, "name": person.name, "roles": [person.role]}
    body |= {"team_id": person.team, "manager_id": person.manager}
    clients.sign_up(person.person_id, person.name, [person.role])
    clients.post(clients.admin, "lead-routing", "/v1/reps", body)
    path = f"/v1/reps/{person.person_id}"
    for dimension, values in person.skills.items():
        skills = {"dimension": dimension, "skills": [{"value": value} for value in values]}
        clients.post(clients.admin, "lead-routing", f"{path}/skills", skills)
    if person.role == "rep":
        capacity = {"max_weighted_load": person.load, "daily_new_cap": person.a_day}
        clients.post(clients.admin, "lead-routing", f"{path}/capacity", capacity)


def lead(external_id: str, tags: Mapping[str, str] = TAGS, channel: str = "expo") -> dict[str, Any]:
    """The body of a lead that comes in."""
    return {
        "source": {"channel": channel, "external_id": external_id},
        "company": "苏州精工制造有限公司",
        "contacts": [{"name": "王芳", "role": "采购总监", "phone": "13900000001"}],
        "tags": [{"dimension": dimension, "value": value} for dimension, value in tags.items()],
    }


def pooled_lead(clients: Clients, external_id: str) -> str:
    """The id of a lead that Li was given and has put into the pool."""
    lead_id = str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead(external_id))["id"])
    clients.post(HE, "lead-routing", f"/v1/leads/{lead_id}/assign", {"rep_id": LI, "reason": "老客户"})
    clients.post(LI, "lead-routing", f"/v1/leads/{lead_id}/release", {"reason": "换区域", "pool_id": POOL})
    return lead_id


def shanghai(text: str) -> datetime:
    """`02-27 17:00` or `03-09 17:00:01` of 2026 in Shanghai, as an instant in UTC."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)

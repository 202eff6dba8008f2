"""Who works here: a sales department with two teams, a delivery department, and the interface that brings leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dev.clients import Clients

CONNECTOR = "fair-connector"
POOL = "public-pool"
POLICY = "routing-demo"
SALES_TEAMS = ("east", "south")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here. `skills` by dimension; `load` is the most they carry, `a_day` new leads at most."""

    person_id: str
    name: str
    role: str
    team: str | None = None
    manager: str | None = None
    skills: Mapping[str, str] = field(default_factory=dict)
    load: int = 30
    a_day: int = 30


def _skills(industry: str, region: str, product: str, interaction: str, budget: str) -> dict[str, str]:
    return {
        "industry": industry,
        "region": region,
        "product": product,
        "interaction": interaction,
        "budget": budget,
    }


OWNER = Person("he-jing", "何静", "process-owner")
DIRECTOR = Person("sun-lihua", "孙丽华", "director", "east")
ZHOU = Person("zhou-ming", "周明", "manager", "east", DIRECTOR.person_id)
EMMA = Person("emma-clarke", "Emma Clarke", "manager", "south", DIRECTOR.person_id)
WANG = Person(
    "wang-lei", "王磊", "rep", "east", ZHOU.person_id,
    _skills("manufacturing/auto", "jiangsu", "gtx-pro", "farmer", "500k-2m"),
)  # fmt: skip
LI = Person(
    "li-na", "李娜", "rep", "east", ZHOU.person_id,
    _skills("retail/food", "zhejiang", "gtx-lite", "hunter", "100k-500k"),
)  # fmt: skip
TOM = Person(
    "tom-becker", "Tom Becker", "rep", "east", ZHOU.person_id,
    _skills("logistics/cold-chain", "shanghai", "gtx-cloud", "hunter", "500k-2m"),
)  # fmt: skip
CHEN = Person(
    "chen-yu", "陈宇", "rep", "south", EMMA.person_id,
    _skills("electronics/semiconductor", "guangdong", "gtx-pro", "farmer", ">2m"),
)  # fmt: skip
GRACE = Person(
    "grace-liu", "Grace Liu", "rep", "south", EMMA.person_id,
    _skills("healthcare/devices", "fujian", "gtx-cloud", "farmer", "500k-2m"),
)  # fmt: skip
HUANG = Person(
    "huang-jie", "黄杰", "rep", "south", EMMA.person_id,
    _skills("energy/solar", "hunan", "gtx-lite", "farmer", "100k-500k"),
)  # fmt: skip
HEAD_OF_DELIVERY = Person("wu-jianguo", "吴建国", "director", "delivery-one")
QIAN = Person("qian-feng", "钱峰", "rep", "delivery-one", HEAD_OF_DELIVERY.person_id, load=1, a_day=0)
ANNA = Person("anna-petrova", "Anna Petrova", "rep", "delivery-one", HEAD_OF_DELIVERY.person_id, load=1, a_day=0)

REPS = (WANG, LI, TOM, CHEN, GRACE, HUANG)
PEOPLE = (OWNER, DIRECTOR, ZHOU, EMMA, *REPS, HEAD_OF_DELIVERY, QIAN, ANNA)
NAMES = {person.person_id: person.name for person in PEOPLE}
MANAGERS = {person.person_id: person.manager for person in PEOPLE}

DEPARTMENTS = (("sales", "销售部", DIRECTOR.person_id), ("delivery", "交付部", HEAD_OF_DELIVERY.person_id))
TEAMS = (
    ("east", "华东组", "sales", ZHOU.person_id, "east"),
    ("south", "South China", "sales", EMMA.person_id, "south"),
    ("delivery-one", "交付一组", "delivery", HEAD_OF_DELIVERY.person_id, "east"),
)
ROUTING_POLICY = {"teams": list(SALES_TEAMS), "pool_id": POOL, "channels": {"web-form": "pool"}}
"""The two sales teams are asked; what comes in by the web form waits in the public pool."""


def open_the_office(clients: Clients, people: Sequence[Person] = PEOPLE) -> None:
    """Register departments, teams, the public pool and everybody, who can sign in from then on."""
    admin = clients.admin
    clients.sign_up(CONNECTOR, "线索接口", ["integration"])
    for department_id, name, head in DEPARTMENTS:
        body = {"department_id": department_id, "name": name, "head_id": head}
        clients.post(admin, "lead-routing", "/v1/departments", body)
    for team_id, name, department, lead, region in TEAMS:
        unit = {"team_id": team_id, "name": name, "department_id": department, "lead_id": lead, "region": region}
        clients.post(admin, "lead-routing", "/v1/teams", unit)
    clients.post(admin, "lead-routing", "/v1/pools", {"pool_id": POOL, "name": "公海 Public pool"})
    for person in people:
        _register(clients, person)


def _register(clients: Clients, person: Person) -> None:
    clients.sign_up(person.person_id, person.name, [person.role])
    body: dict[str, Any] = {"rep_id": person.person_id, "name": person.name, "roles": [person.role]}
    body |= {"team_id": person.team, "manager_id": person.manager}
    clients.post(clients.admin, "lead-routing", "/v1/reps", body)
    path = f"/v1/reps/{person.person_id}"
    for dimension, value in person.skills.items():
        skills = {"dimension": dimension, "skills": [{"value": value}]}
        clients.post(clients.admin, "lead-routing", f"{path}/skills", skills)
    if person.role == "rep":
        capacity = {"max_weighted_load": person.load, "daily_new_cap": person.a_day}
        clients.post(clients.admin, "lead-routing", f"{path}/capacity", capacity)


def publish_the_routing_policy(clients: Clients) -> None:
    """Draft, lint, simulate, approve (somebody else), publish: as every rule comes to hold."""
    path = "/v1/routing-policies"
    draft = {"rule_id": POLICY, "name": "两个销售组 Two sales teams", "document": ROUTING_POLICY}
    clients.post(OWNER.person_id, "lead-routing", path, draft)
    clients.post(OWNER.person_id, "lead-routing", f"{path}/{POLICY}/lint")
    clients.post(OWNER.person_id, "lead-routing", f"{path}/{POLICY}/simulate", {"days": 28})
    clients.post(clients.admin, "lead-routing", f"{path}/{POLICY}/approve")
    clients.post(OWNER.person_id, "lead-routing", f"{path}/{POLICY}/publish")

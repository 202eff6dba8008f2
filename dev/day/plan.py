"""What a day brings: 24 leads, invented from a seed. The same seed gives the same companies, people and amounts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from dev.day.cast import CHEN, GRACE, HUANG, LI, REPS, TOM, WANG, Person

Course = Literal[
    "won", "lost", "handed", "blocked", "stalled",
    "declined", "expired", "vague", "disqualified", "silent", "claimed", "pooled", "worked", "weekend",
]  # fmt: skip
"""What becomes of a lead; the first five become deals."""
STORY: tuple[tuple[Course, Person], ...] = (
    ("won", WANG), ("lost", CHEN), ("handed", TOM), ("blocked", GRACE), ("stalled", HUANG),
    ("declined", LI), ("expired", CHEN), ("vague", GRACE), ("disqualified", TOM), ("silent", LI),
    ("claimed", LI), ("pooled", HUANG), ("weekend", WANG),
)  # fmt: skip
WORKED = 11
"""Further leads that are simply worked on."""

CITIES = {
    "jiangsu": ("苏州", "无锡", "常州", "南通"),
    "zhejiang": ("杭州", "宁波", "嘉兴", "绍兴"),
    "shanghai": ("上海", "松江", "嘉定", "青浦"),
    "guangdong": ("深圳", "东莞", "佛山", "惠州"),
    "fujian": ("厦门", "福州", "泉州", "漳州"),
    "hunan": ("长沙", "株洲", "湘潭", "岳阳"),
}
TRADES = {
    "manufacturing/auto": ("汽车零部件", "精密模具", "传动科技"),
    "retail/food": ("食品商贸", "生鲜连锁", "茶饮"),
    "logistics/cold-chain": ("冷链物流", "供应链", "仓储"),
    "electronics/semiconductor": ("半导体", "微电子", "光电"),
    "healthcare/devices": ("医疗器械", "康复科技", "生物材料"),
    "energy/solar": ("光伏", "储能科技", "新能源"),
}
FIRST_CHARACTERS, SECOND_CHARACTERS = "启铭澜岚煜禾翎霁屿珩", "帆川泽舟岳樾朗衡晟曜"
SURNAMES, GIVEN_NAMES = "林高郭何罗宋唐许韩冯", ("思源", "佳怡", "文博", "晓彤", "志强", "雨桐", "建华", "诗涵")
JOBS = ("采购总监", "生产经理", "信息化负责人", "总经理助理", "Head of operations")
THEMES = ("产线看板", "巡检记录", "备件库存", "订单协同", "能耗监测", "质检报表", "排产计划", "售后工单")
QUESTIONS = ("希望三月内看到方案", "询问实施周期", "要求先做试点", "关心与现有系统的接口", "想参观同行案例")


@dataclass(frozen=True, slots=True)
class PlannedLead:
    """A lead that will come in, and what becomes of it. `suits` is the rep whose skills it asks for."""

    external_id: str
    course: Course
    suits: str
    company: str
    contact: str
    job: str
    phone: str
    channel: str
    tags: tuple[tuple[str, str], ...]
    amount: Decimal
    note: str

    @property
    def body(self) -> dict[str, Any]:
        """As it is sent; a vague one says only what it is about."""
        tags = self.tags[:2] if self.course == "vague" else self.tags
        return {
            "source": {"channel": self.channel, "campaign_id": "spring-fair", "external_id": self.external_id},
            "company": self.company,
            "contacts": [{"name": self.contact, "role": self.job, "phone": self.phone}],
            "tags": [{"dimension": dimension, "value": value} for dimension, value in tags],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The leads of a day."""

    seed: int
    leads: tuple[PlannedLead, ...]

    def the(self, course: Course) -> PlannedLead:
        """The only lead with this course."""
        (found,) = self.all(course)
        return found

    def all(self, *courses: Course) -> tuple[PlannedLead, ...]:
        """The leads with one of these courses."""
        return tuple(lead for lead in self.leads if lead.course in courses)


def plan(seed: int) -> Plan:
    """The day of a seed; a pure function."""
    chance = random.Random(seed)  # noqa: S311 - invents names, no secrets
    worked: list[tuple[Course, Person]] = [("worked", chance.choice(REPS)) for _ in range(WORKED)]
    names = chance.sample([one + two for one in FIRST_CHARACTERS for two in SECOND_CHARACTERS], len(STORY) + WORKED)
    leads = [
        _invented(chance, number, course, rep, name)
        for number, ((course, rep), name) in enumerate(zip([*STORY, *worked], names, strict=True), start=1)
    ]
    return Plan(seed, tuple(leads))


def _invented(chance: random.Random, number: int, course: Course, rep: Person, name: str) -> PlannedLead:
    region, industry = rep.skills["region"], rep.skills["industry"]
    city, trade = chance.choice(CITIES[region]), chance.choice(TRADES[industry])
    tags = {
        "industry": industry,
        "product": rep.skills["product"],
        "region": f"{region}/{city}",
        "interaction": {"farmer": "hot", "hunter": "cold"}[rep.skills["interaction"]],
        "budget": rep.skills["budget"],
    }
    return PlannedLead(
        external_id=f"badge-{number:03}",
        course=course,
        suits=rep.person_id,
        company=f"{city}{name}{trade}有限公司",
        contact=chance.choice(SURNAMES) + chance.choice(GIVEN_NAMES),
        job=chance.choice(JOBS),
        phone=f"1390000{chance.randrange(10_000):04}",
        channel="web-form" if course in {"claimed", "pooled"} else "fair",
        tags=tuple(tags.items()),
        amount=Decimal(chance.randrange(12, 90)) * 10_000,
        note=f"{chance.choice(THEMES)}与{chance.choice(THEMES)}：{name}{chance.choice(QUESTIONS)}",
    )

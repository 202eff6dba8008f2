"""The people and things of the story; every example uses these, so that facts of different services fit together."""

from datetime import UTC, datetime, timedelta

TENANT = "demotenant"
CALENDAR = "cn"
REP_LI, REP_WANG, REP_CHEN = "rep-li", "rep-wang", "rep-chen"
MANAGER_ZHOU, DIRECTOR_SUN, OWNER_HE, DELIVERY_QIAN, DELIVERY_HEAD_WU = (
    "manager-zhou",
    "director-sun",
    "owner-he",
    "delivery-qian",
    "delivery-head-wu",
)
TEAM_EAST, TEAM_DELIVERY = "team-east", "team-delivery"
DEPARTMENT_SALES, DEPARTMENT_DELIVERY = "sales", "delivery"
LEAD_1, LEAD_2, LEAD_3 = (f"01906a00-0000-7000-8000-00000000010{n}" for n in (1, 2, 3))
POOL = "pool-east"
POLICY = "routing-default"
ACCOUNT_1, PRODUCT_1 = "account-haier", "product-gtx-pro"
OPPORTUNITY_1, OPPORTUNITY_2 = (f"01906a00-0000-7000-8000-00000000020{n}" for n in (1, 2))
EVIDENCE_1 = "01906a00-0000-7000-8000-000000000301"
HANDOFF_1, HANDOFF_2 = (f"01906a00-0000-7000-8000-00000000040{n}" for n in (1, 2))
TODO_1 = "01906a00-0000-7000-8000-000000000501"
ALERT_1, ALERT_2 = (f"01906a00-0000-7000-8000-00000000060{n}" for n in (1, 2))
DEFINITION = "default-b2b"

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday 2026-03-02 09:00 in Shanghai."""


def at(hours: float) -> datetime:
    """The instant so many hours after the story's start."""
    return START + timedelta(hours=hours)

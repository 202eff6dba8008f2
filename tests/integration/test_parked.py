"""A fact that cannot be read holds up its own key and nothing else, until an operator decides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.clients import Clients
from dev.processes import call, until
from dev.stack import Stack, run_line
from dev.timeline import Timeline
from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import OpportunityLost, Package
from libs.service.tokens import written
from services.pipeline.tests.samples import opened
from tests.integration.databases import rows
from tests.integration.organisations import HE, LI, build_organisation, shanghai

WITHIN_S = 30.0


async def _hear(url: str, tenant: str, stream: str, facts: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Put facts of another service into a log, as ingest would: one stream from its beginning."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("select log.lock_append()")
        await connection.execute("insert into log.streams values ($1, $2, $3)", tenant, stream, len(facts))
        for version, (wire, data) in enumerate(facts, 1):
            await connection.execute(
                "insert into log.events"
                " select h.seq + 1, null, $1, $2, $3, $4, $5, $6, $7, e.recorded_at, e.recorded_at"
                " from log.head() h join log.events e on e.seq = h.seq",
                *(tenant, stream, version, uuid7(), wire, json.dumps(data), json.dumps({"actor": {"id": LI}})),
            )
    await connection.close()


class Kpi:
    """The kpi service as an operator sees it."""

    def __init__(self, stack: Stack) -> None:
        member = stack.members["kpi"]
        self.url = member.database.owner_url
        self._member = replace(member, environment={**member.environment, "COLUMNS": "300"})

    def line(self, *arguments: str) -> str:
        """What the command line says, in wide tables."""
        return run_line(self._member, *arguments)

    def parked(self, tenant: str) -> list[tuple[str, str]]:
        """The readers and keys that wait, of one tenant."""
        found = rows(self.url, "select distinct consumer, key from log.parked where tenant = $1 order by 1, 2", tenant)
        return [(consumer, key) for consumer, key in found]


@pytest.fixture
def office(clients: Clients, timeline: Timeline) -> Clients:
    """A tenant with an organisation, which kpi knows."""
    build_organisation(clients)
    timeline.drain()
    return clients


def _poisoned(kpi: Kpi, tenant: str, deal: str) -> str:
    """A deal that was opened, then something unreadable, then it was lost; its stream."""
    stream, monday = f"pipeline/opportunity-{deal}", shanghai("03-02 09:00")
    lost = OpportunityLost(
        opportunity_id=deal,
        owner_id=LI,
        stage="first_contact",
        visit=1,
        reason_code="price",
        entered_at=monday,
        lost_at=monday,
        dwell=Elapsed(wall=0, workday=0, business=0),
        package=Package(required=0, on_time=0),
    )
    facts = [
        ("opportunity-opened.v1", opened(deal, LI).data()),
        ("stage-advanced.v1", {"opportunity_id": deal, "from_stage": 7}),
        ("opportunity-lost.v1", lost.data()),
    ]
    call(lambda: _hear(kpi.url, tenant, stream, facts))
    return stream


def _funnel(clients: Clients) -> tuple[int, int]:
    total = clients.get(HE, "kpi", "/v1/reports/funnel")["totals"]
    return total["opened"], total["lost"]


def test_a_fact_that_cannot_be_read_parks_its_key_until_it_is_skipped(office: Clients, timeline: Timeline) -> None:
    """Architecture 2, parked"""
    kpi = Kpi(timeline.stack)
    stream = _poisoned(kpi, office.tenant, "poison")
    office.post(LI, "pipeline", "/v1/opportunities", {"name": "healthy"})
    timeline.drain()
    parked = kpi.parked(office.tenant)
    assert ("stages:1", f"stream {stream}") in parked
    assert {key for _, key in parked} == {f"stream {stream}"}
    assert _funnel(office)[0] == 2
    history = "/v1/opportunities/poison/stage-history"
    answer = office.http.get(
        f"{timeline.stack.url('kpi')}{history}",
        headers={"Authorization": f"Bearer {office.token(HE)}", "Consistency-Token": written({stream: 3})},
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "PARKED")

    listed = kpi.line("parked", "list")
    assert f"stream {stream}" in listed
    assert office.tenant in listed
    shown = kpi.line("parked", "show", "stages:1", office.tenant, f"stream {stream}")
    assert "stage-advanced.v1" in shown
    assert "opportunity-lost.v1" in shown
    for reader, key in parked:
        said = kpi.line("parked", "skip", reader, office.tenant, key, "--reason", "written by hand")
        assert "is left out; the rest is tried" in said
    until("nothing is parked", lambda: not kpi.parked(office.tenant), within_s=WITHIN_S)
    assert _funnel(office) == (2, 1)
    assert [one["left_how"] for one in office.get(HE, "kpi", history)["visits"]] == ["lost"]
    for name in ("stages", "deals"):
        assert "the new build serves" in kpi.line("projections", "rebuild", name)
    assert _funnel(office) == (2, 1)
    assert kpi.parked(office.tenant) == []


def test_a_parked_key_is_tried_again_once_its_cause_is_mended(office: Clients, timeline: Timeline) -> None:
    """Architecture 2, parked"""
    kpi = Kpi(timeline.stack)
    stream = _poisoned(kpi, office.tenant, "mended")
    timeline.drain()
    parked = kpi.parked(office.tenant)
    assert parked
    asked = "select count(*) from log.parked where tenant = $1 and retry"
    assert "2 facts will be tried again" in kpi.line("parked", "retry", parked[0][0], office.tenant, parked[0][1])
    until("it was tried", lambda: rows(kpi.url, asked, office.tenant)[0][0] == 0, within_s=WITHIN_S)
    assert kpi.parked(office.tenant) == parked

    mend = (
        "update log.events set type = 'stage-noted.v9', data = '{}' where tenant = $1 and stream = $2 and version = 2"
    )
    rows(kpi.url, mend, office.tenant, stream)
    for reader, key in parked:
        kpi.line("parked", "retry", reader, office.tenant, key)
    until("nothing is parked", lambda: not kpi.parked(office.tenant), within_s=WITHIN_S)
    assert _funnel(office) == (1, 1)

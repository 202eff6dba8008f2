"""Whether a process is alive and ready is found out by real calls."""

from __future__ import annotations

import asyncio
import time

import httpx2
import pytest

from dev.provision import Database
from libs.events.connections import open_pool
from libs.service.equipment import Equipment
from libs.service.health import STALLED_SECONDS, Heart, api_checks, health_app
from libs.service.tests.conftest import Folded


def caller(equipment: Equipment, heart: Heart | None = None) -> httpx2.AsyncClient:
    """A caller of the health application."""
    app = health_app(heart or Heart(), api_checks(equipment), equipment.draining)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://health")


async def test_a_process_is_ready_once_its_read_models_serve(equipment: Equipment, pond_database: Database) -> None:
    async with caller(equipment) as client:
        early = await client.get("/readyz")
        assert (early.status_code, early.json()["problems"]) == (503, {"read models": "no build serves stones:1"})


async def test_a_whole_process_is_ready(equipment: Equipment, folded: Folded) -> None:
    async with caller(equipment) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": {}})


async def test_a_log_that_is_being_restored_is_not_ready(
    equipment: Equipment, folded: Folded, pond_database: Database
) -> None:
    pool = await open_pool(pond_database.worker_url, size=1)
    async with caller(equipment) as client:
        await pool.execute("select log.judge('restoring', 'for the test')")
        restoring = await client.get("/readyz")
        await pool.execute("select log.judge('ok', '')")
    await pool.close()
    assert restoring.json()["problems"] == {"verdict": "the log is restoring"}


async def test_a_stopping_process_is_not_ready(equipment: Equipment) -> None:
    equipment.draining.set()
    async with caller(equipment) as client:
        answer = await client.get("/readyz")
    equipment.draining.clear()
    assert answer.status_code == 503
    assert "draining" in answer.json()["problems"]


async def test_a_loop_that_stands_still_is_not_alive(equipment: Equipment) -> None:
    heart = Heart()
    beating = asyncio.create_task(heart.run())
    await asyncio.sleep(0)
    async with caller(equipment, heart) as client:
        assert (await client.get("/livez")).status_code == 200
        heart.beats["loop"] = time.monotonic() - STALLED_SECONDS - 1
        stalled = await client.get("/livez")
    beating.cancel()
    assert (stalled.status_code, stalled.json()) == (503, {"stalled": ["loop"]})


async def test_requests_are_measured_by_route(equipment: Equipment, rep: httpx2.AsyncClient) -> None:
    await rep.get("/v1/stones/unknown-to-everybody")
    async with caller(equipment) as client:
        metrics = (await client.get("/metrics")).text
    assert 'salesloom_http_request_seconds_count{method="GET",route="/v1/stones/{lead_id}",status="404"}' in metrics
    assert "unknown-to-everybody" not in metrics


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_are_not_on_the_apis_port(anybody: httpx2.AsyncClient, path: str) -> None:
    assert (await anybody.get(path)).status_code == 404

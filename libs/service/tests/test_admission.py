"""What is too much is told to come again at once; what is served is not disturbed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import httpx2
import pytest
from fastapi import APIRouter, Depends
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from libs.service.admission import Admission
from libs.service.app import create_app
from libs.service.callers import Anybody
from libs.service.tests.pond import POND


class Slow:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Semaphore(0)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(Admission(Starlette(routes=self._routes()), commands=4, queries=2)),
            base_url="http://test",
        )

    def _routes(self) -> list[Route]:
        async def serve(request: Request) -> Response:
            self.begun.release()
            await self.go.wait()
            return PlainTextResponse("done")

        return [Route("/v1/leads", serve, methods=["GET", "POST"]), Route("/v1/stream", serve)]

    async def begin(self, method: str, path: str = "/v1/leads", token: str = "") -> asyncio.Task[httpx2.Response]:
        """Send a request and wait until it is being served."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        task = asyncio.create_task(self.http.request(method, path, headers=headers))
        await self.begun.acquire()
        return task

    async def refused(self, method: str, token: str = "") -> tuple[int, str]:
        """Send a request that is not served; its status and code."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.http.request(method, "/v1/leads", headers=headers)
        assert answer.headers["Retry-After"] == "1"
        return answer.status_code, answer.json()["code"]


async def test_more_than_can_be_served_is_told_to_come_again() -> None:
    """I-44: shed with Retry-After; queries and commands do not take each other's places; places are given back."""
    slow = Slow()
    served = [await slow.begin("POST") for _ in range(4)]
    assert await slow.refused("POST") == (503, "OVERLOADED")
    served += [await slow.begin("GET") for _ in range(2)]
    assert await slow.refused("GET") == (503, "OVERLOADED")
    served.append(await slow.begin("GET", "/v1/stream"))  # counted where streams are served
    slow.go.set()
    assert [(await one).status_code for one in served] == [200] * 7
    assert (await slow.http.post("/v1/leads")).status_code == 200


async def test_one_caller_leaves_half_to_the_others() -> None:
    """I-45: a flood with one token is limited before it takes everything."""
    slow = Slow()
    served = [await slow.begin("POST", token="flood") for _ in range(2)]
    assert await slow.refused("POST", token="flood") == (429, "RATE_LIMITED")
    served += [await slow.begin("POST", token="other") for _ in range(2)]
    assert await slow.refused("POST", token="third") == (503, "OVERLOADED")
    slow.go.set()
    assert [(await one).status_code for one in served] == [200] * 4


async def test_a_caller_that_goes_away_gives_its_place_back() -> None:
    """A request that is cut off is not served for ever."""
    slow = Slow()
    served = [await slow.begin("GET") for _ in range(2)]
    for one in served:
        one.cancel()
    await asyncio.gather(*served, return_exceptions=True)
    served = [await slow.begin("GET") for _ in range(2)]
    slow.go.set()
    assert [(await one).status_code for one in served] == [200, 200]


async def test_a_refusal_is_readable_by_a_page_and_costs_nothing_of_the_framework() -> None:
    """I-44: asked before everything else; a browser of another origin may read it, in its language."""
    app = create_app(POND)
    settings = SimpleNamespace(commands_at_once=0, queries_at_once=1, cors_origins=("https://crm.example",))
    app.state.equipment = SimpleNamespace(settings=settings)
    headers = {"Origin": "https://crm.example", "Accept-Language": "zh-CN"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as http:
        answers = [await http.post("/v1/stones", headers=headers, content=b"not read") for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
        assert answer.json()["instance"] == "/v1/stones"
        assert answer.headers["Content-Language"] == "zh"
        assert answer.headers["Access-Control-Allow-Origin"] == "https://crm.example"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_dependency_that_needs_a_thread_is_refused_at_the_start() -> None:
    """Two changes of threads took a third of a request's time."""

    def slow() -> int:
        return 1

    router = APIRouter()

    @router.get("/slow", operation_id="slow", dependencies=[Depends(slow)])
    async def answer(who: Anybody) -> None:
        """Answer nothing."""

    with pytest.raises(ValueError, match=r"async def.*slow"):
        create_app(replace(POND, routers=(router,)))

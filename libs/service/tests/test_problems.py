"""Problem documents: every error is one, in the reader's language, and none tells a secret."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest
from joserfc.jwk import ECKey

from libs.events.contracts.documents.schemas import schema_documents
from libs.service.app import create_app
from libs.service.equipment import Equipment
from libs.service.languages import preferred
from libs.service.problems import PROBLEMS, Registry
from libs.service.testing.tokens import bearer
from libs.service.tests.conftest import MANAGER
from libs.service.tests.pond import POND

MEMBERS = {"type", "code", "status", "title", "detail", "fix", "retryable"}


def check(answer: httpx2.Response, status: int, code: str) -> None:
    """This is a problem document of that code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() >= MEMBERS
    assert (answer.json()["code"], answer.json()["status"]) == (code, status)
    assert answer.json()["type"] == f"/problems/{code}"


async def test_an_unknown_address_and_method_are_problems(anybody: httpx2.AsyncClient) -> None:
    check(await anybody.get("/nowhere"), 404, "NOT_FOUND")
    check(await anybody.get("/v1/nowhere"), 404, "NOT_FOUND")
    wrong = await anybody.delete("/v1/stones")
    check(wrong, 405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"]


async def test_what_does_not_fit_is_pointed_at(rep: httpx2.AsyncClient) -> None:
    answer = await rep.post("/v1/stones", json={"pool_id": 7, "tags": {"a/b": 1}}, headers={"Idempotency-Key": "k"})
    check(answer, 422, "VALIDATION")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/pool_id", "/tags/a~1b"}
    assert {error["in"] for error in answer.json()["errors"]} == {"body"}
    assert "7" not in {error.get("input") for error in answer.json()["errors"]}


async def test_an_id_that_no_command_takes_is_a_validation_problem(rep: httpx2.AsyncClient) -> None:
    answer = await rep.post("/v1/stones/%06y/take", headers={"Idempotency-Key": "k"})
    check(answer, 422, "VALIDATION")
    assert answer.json()["errors"][0]["pointer"] == "/lead_id"


async def test_a_missing_body_is_a_validation_problem(rep: httpx2.AsyncClient) -> None:
    check(await rep.post("/v1/stones", headers={"Idempotency-Key": "k"}), 422, "VALIDATION")


async def test_what_nobody_foresaw_tells_nothing(anybody: httpx2.AsyncClient, key: ECKey) -> None:
    answer = await anybody.get("/v1/weather?kind=broken", headers={"Authorization": bearer(key, MANAGER)})
    check(answer, 500, "INTERNAL")
    assert "swordfish" not in answer.text
    assert "RuntimeError" not in answer.text


async def test_a_conflict_without_if_match_is_409(anybody: httpx2.AsyncClient, key: ECKey) -> None:
    answer = await anybody.get("/v1/weather?kind=conflict", headers={"Authorization": bearer(key, MANAGER)})
    check(answer, 409, "CONFLICT_STATE")


async def test_what_is_not_yet_visible_says_when_to_come_again(anybody: httpx2.AsyncClient, key: ECKey) -> None:
    answer = await anybody.get("/v1/weather?kind=late", headers={"Authorization": bearer(key, MANAGER)})
    check(answer, 503, "NOT_YET_VISIBLE")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["missing"] == ["stones"]


async def test_titles_are_chinese_for_who_reads_chinese(anybody: httpx2.AsyncClient) -> None:
    answer = await anybody.get("/v1/stones", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert answer.json()["title"] == "没有有效的访问令牌"
    assert answer.headers["content-language"] == "zh"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"), ("", "en"), ("fr", "en"), ("zh", "zh"), ("en-GB, zh;q=0.5", "en"),
        ("en;q=0.2, zh-TW;q=0.3", "zh"),
        ("zh;q=x", "zh"), ("*", "en"), (",;,;q=", "en"),
    ],
)  # fmt: skip
def test_the_better_wanted_language_wins(header: str | None, language: str) -> None:
    assert preferred(header) == language


async def test_every_code_has_a_page(anybody: httpx2.AsyncClient) -> None:
    listed = (await anybody.get("/problems")).json()
    assert {"VALIDATION", "STONE_TAKEN", "NOT_YET_VISIBLE"} <= {one["code"] for one in listed}
    assert (await anybody.get("/problems/STONE_TAKEN")).json()["status"] == 409
    chinese = await anybody.get("/problems/STONE_TAKEN", headers={"Accept-Language": "zh"})
    assert chinese.json()["title"] == "石头已被取走"
    check(await anybody.get("/problems/NO_SUCH"), 404, "NOT_FOUND")


async def test_every_fact_type_has_its_schema_here(anybody: httpx2.AsyncClient) -> None:
    """8-1: any service answers, without a token, and caches may keep the answer."""
    for wire, document in schema_documents().items():
        answer = await anybody.get(f"/schemas/{wire}.json")
        assert (answer.status_code, answer.json()) == (200, document)
    assert answer.headers["Content-Type"].startswith("application/schema+json")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    check(await anybody.get("/schemas/no-such.v1.json"), 404, "NOT_FOUND")
    check(await anybody.get("/schemas/..%2f..%2fetc.json"), 404, "NOT_FOUND")


async def test_browsers_of_known_origins_may_read_problems(equipment: Equipment) -> None:
    settings = equipment.settings.model_copy(update={"cors_origins": ("https://app.test",)})
    app = create_app(POND, replace(equipment, settings=settings))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://pond") as client:
        known = await client.get("/v1/stones", headers={"Origin": "https://app.test"})
        other = await client.get("/v1/stones", headers={"Origin": "https://evil.test"})
        asked = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST"}
        wanted = {**asked, "Access-Control-Request-Headers": "idempotency-key,if-match"}
        preflight = await client.options("/v1/stones", headers=wanted)
    assert known.headers["access-control-allow-origin"] == "https://app.test"
    assert "Consistency-Token" in known.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers
    assert preflight.status_code == 200


def test_every_code_says_how_to_go_on_in_both_languages() -> None:
    for code in PROBLEMS:
        assert code.title, code.code
        assert code.title_zh, code.code


def test_a_code_is_registered_once() -> None:
    registry = Registry()
    registry.register("FULL", 409, "Full")
    registry.register("FULL", 409, "Full")
    with pytest.raises(ValueError, match="twice"):
        registry.register("FULL", 410, "Full")
    with pytest.raises(ValueError, match="LIKE_THIS"):
        registry.register("full", 409, "Full")
    assert registry["UNHEARD_OF"].status == 409

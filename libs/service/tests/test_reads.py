"""Reads over HTTP: pages, versions, what the caller has seen, and nobody else's rows."""

from __future__ import annotations

from uuid import uuid4

import httpx2
import pytest
from joserfc.jwk import ECKey

from libs.service.pagination import Paging
from libs.service.testing.tokens import bearer
from libs.service.tests.conftest import STRANGER, Folded


async def thrown(rep: httpx2.AsyncClient, pool_id: str, times: int = 1) -> list[httpx2.Response]:
    """Answers to new stones."""
    headers = [{"Idempotency-Key": str(uuid4())} for _ in range(times)]
    return [await rep.post("/v1/stones", json={"pool_id": pool_id}, headers=one) for one in headers]


async def test_pages_follow_each_other_to_the_end(rep: httpx2.AsyncClient, folded: Folded) -> None:
    made = {answer.json()["id"] for answer in await thrown(rep, "paged", 7)}
    await folded()
    found, cursor, pages = list[str](), None, 0
    while True:
        params = {"pool_id": "paged", "limit": "3"} | ({"cursor": cursor} if cursor else {})
        answer = await rep.get("/v1/stones", params=params)
        assert answer.status_code == 200, answer.text
        found += [item["lead_id"] for item in answer.json()["items"]]
        cursor, pages = answer.json()["next"], pages + 1
        if cursor is None:
            break
    assert (sorted(found), pages) == (sorted(made), 3)
    assert found == sorted(found)


async def test_a_cursor_belongs_to_its_filters_and_tenant(rep: httpx2.AsyncClient, key: ECKey, folded: Folded) -> None:
    await thrown(rep, "bound", 3)
    await folded()
    cursor = (await rep.get("/v1/stones?pool_id=bound&limit=2")).json()["next"]
    stranger = {"Authorization": bearer(key, STRANGER)}
    same = await rep.get("/v1/stones", params={"pool_id": "bound", "limit": "1", "cursor": cursor})
    refused = [
        await rep.get("/v1/stones", params={"pool_id": "other", "cursor": cursor}),
        await rep.get("/v1/stones", params={"cursor": cursor}),
        await rep.get("/v1/stones", params={"pool_id": "bound", "cursor": cursor}, headers=stranger),
        await rep.get("/v1/stones", params={"pool_id": "bound", "cursor": cursor[:-2] + "AA"}),
        await rep.get("/v1/stones", params={"pool_id": "bound", "cursor": "%%"}),
    ]
    assert same.status_code == 200
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(400, "CURSOR_INVALID")}


@pytest.mark.parametrize(("limit", "taken"), [("0", 1), ("-5", 1), ("1000", 200), ("9" * 30, 200)])
async def test_a_limit_is_taken_to_the_nearest(rep: httpx2.AsyncClient, folded: Folded, limit: str, taken: int) -> None:
    await thrown(rep, "limits", 2)
    await folded()
    answer = await rep.get("/v1/stones", params={"pool_id": "limits", "limit": limit})
    assert answer.status_code == 200
    assert len(answer.json()["items"]) >= min(taken, 2)


def test_the_last_page_has_no_next() -> None:
    page = Paging(2, None, b"k", b"s").page([1, 2], last=(2,))
    assert page.next is None


async def test_one_thing_has_its_version_as_etag(rep: httpx2.AsyncClient, folded: Folded) -> None:
    stone = (await thrown(rep, "tagged"))[0].json()["id"]
    await folded()
    answer = await rep.get(f"/v1/stones/{stone}")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    known = await rep.get(f"/v1/stones/{stone}", headers={"If-None-Match": '"0", W/"1"'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", '"1"')
    changed = await rep.get(f"/v1/stones/{stone}", headers={"If-None-Match": '"2"'})
    assert changed.status_code == 200


async def test_what_was_seen_is_waited_for(rep: httpx2.AsyncClient, folded: Folded) -> None:
    made = (await thrown(rep, "seen"))[0]
    seen = {"Consistency-Token": made.headers["consistency-token"], "Prefer": "wait=0"}
    early = await rep.get("/v1/stones?pool_id=seen", headers=seen)
    assert (early.status_code, early.json()["code"]) == (503, "NOT_YET_VISIBLE")
    assert early.headers["retry-after"]
    await folded()
    late = await rep.get("/v1/stones?pool_id=seen", headers=seen)
    assert [item["lead_id"] for item in late.json()["items"]] == [made.json()["id"]]


async def test_tokens_of_owners_nobody_listens_to_count_as_met(rep: httpx2.AsyncClient) -> None:
    token = "WyJhbGVydGluZy9hbGVydC0xQDkiXQ"  # alerting/alert-1@9
    answer = await rep.get("/v1/stones", headers={"Consistency-Token": token, "Prefer": "wait=0"})
    assert answer.status_code == 200
    listened = "WyJrcGkvbWV0cmljLTFAOSJd"  # kpi/metric-1@9
    missing = await rep.get("/v1/stones", headers={"Consistency-Token": f"{token}, {listened}", "Prefer": "wait=0"})
    assert missing.json()["missing"] == ["kpi/metric-1@9"]


async def test_another_tenants_things_are_unknown(rep: httpx2.AsyncClient, key: ECKey, folded: Folded) -> None:
    stone = (await thrown(rep, "mine"))[0].json()["id"]
    await folded()
    stranger = {"Authorization": bearer(key, STRANGER)}
    other = await rep.get(f"/v1/stones/{stone}", headers=stranger)
    unknown = await rep.get("/v1/stones/nothing", headers=stranger)
    assert (other.status_code, unknown.status_code) == (404, 404)
    assert other.json()["code"] == unknown.json()["code"]
    assert (await rep.get("/v1/stones?pool_id=mine", headers=stranger)).json()["items"] == []

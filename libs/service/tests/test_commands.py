"""Commands over HTTP: keys, replays, versions, dry runs, tokens."""

from __future__ import annotations

import asyncio
import base64
from uuid import uuid4

import httpx2
import orjson
import pytest
from joserfc.jwk import ECKey

from libs.service.testing.tokens import bearer
from libs.service.tests.conftest import STRANGER

POOL = {"pool_id": "shallow"}


def key() -> dict[str, str]:
    """A new idempotency key."""
    return {"Idempotency-Key": str(uuid4())}


async def thrown(rep: httpx2.AsyncClient, pool_id: str = "shallow") -> str:
    """The id of a new stone."""
    answer = await rep.post("/v1/stones", json={"pool_id": pool_id}, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_a_command_answers_what_it_appended(rep: httpx2.AsyncClient) -> None:
    answer = await rep.post("/v1/stones", json=POOL, headers=key())
    body = answer.json()
    stream = f"lead-routing/lead-{body['id']}"
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/stones/{body['id']}"
    assert answer.headers["etag"] == '"1"'
    assert body["version"] == 1
    assert body["streams"] == {stream: 1}
    assert [(fact["type"], fact["stream"], fact["version"]) for fact in body["facts"]] == [
        ("lead-pooled.v1", stream, 1)
    ]
    token = answer.headers["consistency-token"]
    assert orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))) == [f"{stream}@1"]


async def test_the_same_key_answers_the_same_without_doing_it_again(rep: httpx2.AsyncClient) -> None:
    headers = key()
    first = await rep.post("/v1/stones", json={"pool_id": "a", "weight": 1.5}, headers=headers)
    again = await rep.post(
        "/v1/stones",
        content=b'{ "weight": 1.50, "pool_id": "a" }',
        headers={**headers, "Content-Type": "application/json"},
    )
    quoted = await rep.post(
        "/v1/stones",
        json={"pool_id": "a", "weight": 1.5},
        headers={"Idempotency-Key": f'"{headers["Idempotency-Key"]}"'},
    )
    assert "idempotency-replayed" not in first.headers
    for replay in (again, quoted):
        assert (replay.status_code, replay.content) == (201, first.content)
        assert replay.headers["idempotency-replayed"] == "true"
        assert replay.headers["location"] == first.headers["location"]
        assert replay.headers["consistency-token"] == first.headers["consistency-token"]


async def test_a_key_used_for_another_request_is_refused(rep: httpx2.AsyncClient) -> None:
    headers = key()
    await rep.post("/v1/stones", json={"pool_id": "a"}, headers=headers)
    answer = await rep.post("/v1/stones", json={"pool_id": "b"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


async def test_one_key_of_two_tenants_is_two_keys(rep: httpx2.AsyncClient, key: ECKey) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first = await rep.post("/v1/stones", json=POOL, headers=headers)
    other = await rep.post("/v1/stones", json=POOL, headers={**headers, "Authorization": bearer(key, STRANGER)})
    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]


async def test_fifty_at_once_with_one_key_do_it_once(rep: httpx2.AsyncClient) -> None:
    headers = key()
    answers = await asyncio.gather(*(rep.post("/v1/stones", json=POOL, headers=headers) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


async def test_a_command_without_a_key_says_what_to_do(rep: httpx2.AsyncClient) -> None:
    answer = await rep.post("/v1/stones", json=POOL)
    assert (answer.status_code, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert "Idempotency-Key" in answer.json()["detail"]


@pytest.mark.parametrize("bad", ["", "x" * 201, "two words", '""'])
async def test_a_key_is_1_to_200_visible_characters(rep: httpx2.AsyncClient, bad: str) -> None:
    answer = await rep.post("/v1/stones", json=POOL, headers={"Idempotency-Key": bad})
    assert answer.status_code == 400


async def test_an_old_version_is_refused_with_the_current_one(rep: httpx2.AsyncClient) -> None:
    stone = await thrown(rep)
    late = await rep.post(f"/v1/stones/{stone}/take", headers={**key(), "If-Match": '"7"'})
    assert (late.status_code, late.json()["code"], late.json()["current"]) == (412, "VERSION_CONFLICT", 1)
    taken = await rep.post(f"/v1/stones/{stone}/take", headers={**key(), "If-Match": '"1"'})
    assert (taken.status_code, taken.headers["etag"], taken.json()["id"]) == (200, '"2"', stone)


@pytest.mark.parametrize("bad", ["7", 'W/"7"', '"-1"', '"x"', '"1", "2"'])
async def test_an_if_match_that_is_no_version_is_refused(rep: httpx2.AsyncClient, bad: str) -> None:
    answer = await rep.post("/v1/stones/x/take", headers={**key(), "If-Match": bad})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


async def test_a_second_attempt_with_a_new_key_finds_nothing_to_do(rep: httpx2.AsyncClient) -> None:
    stone = await thrown(rep)
    await rep.post(f"/v1/stones/{stone}/take", headers=key())
    again = await rep.post(f"/v1/stones/{stone}/take", headers=key())
    assert (again.status_code, again.json()["facts"], again.json()["version"]) == (200, [], 2)


async def test_a_dry_run_says_what_would_happen_and_appends_nothing(rep: httpx2.AsyncClient) -> None:
    stone = await thrown(rep)
    foreseen = await rep.post(f"/v1/stones/{stone}/take?dry_run=true", headers=key())
    assert foreseen.status_code == 200
    assert foreseen.json()["violations"] == []
    assert foreseen.json()["facts"][0]["type"] == "lead-claimed.v1"
    taken = await rep.post(f"/v1/stones/{stone}/take", headers={**key(), "If-Match": '"1"'})
    assert taken.json()["version"] == 2


async def test_a_dry_run_names_the_rule_that_says_no(rep: httpx2.AsyncClient) -> None:
    stone = await thrown(rep, "deep")
    foreseen = await rep.post(f"/v1/stones/{stone}/take?dry_run=true", headers=key())
    assert foreseen.status_code == 200
    assert foreseen.json()["facts"] == []
    assert foreseen.json()["violations"][0]["code"] == "TOO_MANY_STONES"


async def test_a_refusal_has_the_status_of_its_code(rep: httpx2.AsyncClient) -> None:
    stone = await thrown(rep, "deep")
    answer = await rep.post(f"/v1/stones/{stone}/take", headers=key())
    assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_STONES")
    assert answer.headers["retry-after"] == str(12 * 3600)


async def test_what_happened_earlier_needs_a_reason(rep: httpx2.AsyncClient) -> None:
    late = {"Occurred-At": "2026-03-02T10:00:00+08:00"}
    refused = await rep.post("/v1/stones", json=POOL, headers={**key(), **late})
    assert (refused.status_code, refused.json()["code"]) == (422, "VALIDATION")
    told = await rep.post("/v1/stones", json=POOL, headers={**key(), **late, "Occurred-Reason": "%E7%A6%BB%E7%BA%BF"})
    assert told.status_code == 201


async def test_an_uploaded_file_may_be_sent_again_in_another_envelope(rep: httpx2.AsyncClient) -> None:
    headers = key()
    picture = b"\x89PNG" + b"0" * (2 << 20)
    answers = [
        await rep.post("/v1/stones/pictures", files={"picture": ("a.png", picture, "image/png")}, headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotency-replayed"] == "true"
    other = await rep.post("/v1/stones/pictures", files={"picture": ("a.png", b"other", "image/png")}, headers=headers)
    assert other.status_code == 422


async def test_a_form_has_no_nul_in_its_names(rep: httpx2.AsyncClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a\x00.png"\r\n\r\nx\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await rep.post("/v1/stones/pictures", content=body, headers={**key(), **kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


@pytest.mark.parametrize("bad", ["%%%", "WyJ4Il0", "e30", "WyJsZWFkLXJvdXRpbmcvbGVhZC0xQDAiXQ", "x" * 8001])
async def test_a_token_that_is_not_ours_is_refused(rep: httpx2.AsyncClient, bad: str) -> None:
    answer = await rep.get("/v1/stones", headers={"Consistency-Token": bad})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")

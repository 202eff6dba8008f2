"""What must not come in."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx2
import pytest

from libs.service.json_texts import MAX_DEPTH, check_json
from libs.service.problems import Problem

JSON = {"Content-Type": "application/json"}


async def sent(rep: httpx2.AsyncClient, body: bytes | str, **headers: str) -> httpx2.Response:
    """A command with this body."""
    return await rep.post("/v1/stones", content=body, headers={**JSON, "Idempotency-Key": str(uuid4()), **headers})


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"pool_id": "a"} x',
        '{"pool_id": "a", "weight": NaN}',
        '{"pool_id": "a", "weight": Infinity}',
        '{"pool_id": "a", "weight": -Infinity}',
        '{"pool_id": "a", "weight": 1e400}',
        '{"pool_id": "a", "weight": 9223372036854775808}',
        '{"pool_id": "a", "weight": ' + "9" * 5000 + "}",
        '{"pool_id": "a", "pool_id": "b"}',
        '{"pool_id": "a", "tags": {"x": "1", "x": "2"}}',
        '{"pool_id": "a\\u0000b"}',
        '{"pool_id": "\\ud800"}',
        '{"pool_id": "\\udc00\\ud800"}',
        '{"pool_id": "a", "tags": {"\\u0000": "1"}}',
        b'{"pool_id": "\xff"}',
        b'{"pool_id": "\xed\xa0\x80"}',
        b'\xff\xfe{\x00}\x00',
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 200_000,
    ],
)  # fmt: skip
async def test_json_that_readers_might_read_differently_is_malformed(
    rep: httpx2.AsyncClient, body: bytes | str
) -> None:
    answer = await sent(rep, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


async def test_a_body_over_a_mebibyte_is_too_large(rep: httpx2.AsyncClient) -> None:
    answer = await sent(rep, json.dumps({"pool_id": "x" * (1 << 20)}))
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_body_without_a_length_is_counted(rep: httpx2.AsyncClient) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b"[" + b"1," * 50_000

    headers = {**JSON, "Idempotency-Key": str(uuid4())}
    answer = await rep.post("/v1/stones", content=endless(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413


async def test_two_million_items_are_too_many(rep: httpx2.AsyncClient) -> None:
    many = await sent(rep, "[" + "1," * 2_000_000 + "1]")
    short = await sent(rep, "[" + ",".join("1" * 400_000) + "]")
    assert (many.status_code, short.status_code) == (413, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_another_content_type_is_refused(rep: httpx2.AsyncClient, kind: str) -> None:
    answer = await sent(rep, '{"pool_id": "a"}', **{"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_json_is_no_upload(rep: httpx2.AsyncClient) -> None:
    answer = await rep.post("/v1/stones/pictures", json={}, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 415


async def test_an_upload_has_its_own_limit(rep: httpx2.AsyncClient) -> None:
    picture = {"picture": ("a.png", b"0" * (4 << 20), "image/png")}
    answer = await rep.post("/v1/stones/pictures", files=picture, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_unknown_fields_are_refused(rep: httpx2.AsyncClient) -> None:
    answer = await sent(rep, '{"pool_id": "a", "colour": "red"}')
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/colour")


async def test_long_urls_and_headers_are_refused(rep: httpx2.AsyncClient) -> None:
    long = await rep.get("/v1/stones", params={"pool_id": "x" * 9_000})
    heavy = await rep.get("/v1/stones", headers={"X-Junk": "x" * 17_000})
    assert (long.status_code, long.json()["code"]) == (414, "URL_TOO_LONG")
    assert (heavy.status_code, heavy.json()["code"]) == (431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize("url", ["/v1/stones?pool_id=%00", "/v1/stones/%00", "/v1/stones?pool_id=%ff%fe"])
async def test_nul_and_broken_utf_8_in_the_url_are_refused(rep: httpx2.AsyncClient, url: str) -> None:
    answer = await rep.get(url)
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED")


def test_usual_json_passes_unchanged() -> None:
    text = '{"a": [1, -2.5, 1e10, true, null, "\\ud83d\\ude00", "中文", "[[[{{{,,,"], "b": {"c": {}}}'
    assert check_json(text.encode()) == json.loads(text)
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert check_json(deep) == json.loads(deep)
    assert check_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def test_brackets_and_commas_inside_text_do_not_count() -> None:
    text = json.dumps(["[" * 9_000, 'say "[[[" and \\', "," * 60_000]).encode()
    assert check_json(text) == json.loads(text)
    with pytest.raises(Problem):
        check_json(b"[" * 60 + text + b"]" * 60)

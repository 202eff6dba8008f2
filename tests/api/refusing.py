"""How every refusal has to look, and that it leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from uuid_utils.compat import uuid7

from tests.api.firm import EVERYTHING, Firm
from tests.integration.databases import value

JSON = "application/json"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAID = {"type", "title", "status", "detail", "code", "fix", "retryable", "instance"}


def ask(
    firm: Firm,
    method: str,
    service: str,
    path: str,
    headers: Mapping[str, str | bytes | None] | None = None,
    **options: Any,
) -> httpx2.Response:
    """A request in Chinese by somebody who may do everything; a header that is None is left out."""
    sent: dict[str, str | bytes | None] = {
        "Authorization": f"Bearer {firm.clients.token(EVERYTHING)}",
        "Accept-Language": "zh",
        "Idempotency-Key": str(uuid7()),
        **(headers or {}),
    }
    given = {name: text for name, text in sent.items() if text is not None}
    return firm.clients.http.request(method, f"{firm.stack.url(service)}{path}", headers=given, **options)


def refused(answer: httpx2.Response, status: int, *codes: str) -> Any:
    """The problem document of a refusal: what it is and what to do, in Chinese. One of `codes` is expected."""
    about = f"{answer.request.method} {answer.request.url} {answer.text[:400]}"
    assert answer.status_code == status, f"{answer.status_code} {about}"
    assert answer.headers["content-type"] == "application/problem+json", about
    assert answer.headers["content-language"] == "zh", about
    told = answer.json()
    assert told.keys() >= SAID, about
    assert told["code"] in codes, about
    assert (told["status"], told["type"]) == (status, f"/problems/{told['code']}")
    assert CHINESE.search(told["title"]), about
    assert CHINESE.search(told["fix"]), about
    assert told["detail"], about
    return told


@contextmanager
def nothing_written(firm: Firm) -> Iterator[None]:
    """No service writes a fact in the meantime."""
    before = _positions(firm)
    yield
    assert _positions(firm) == before


def _positions(firm: Firm) -> dict[str, int]:
    """How many facts each service has written, as its worker counts them, once nobody has anything left to do."""
    firm.timeline.drain()
    members = firm.stack.members.values()
    return {one.name: value(one.database.worker_url, "select own_seq from log.head()") for one in members}

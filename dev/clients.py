"""Demo people who use the product over HTTP as a frontend would: tokens, idempotency keys, consistency tokens."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx2
from uuid_utils.compat import uuid7

from dev.stack import Stack, run_line

TRIES = 6
WAITS = frozenset({"UNAVAILABLE", "OVERLOADED", "NOT_YET_VISIBLE"})
"""What is worth asking again for in a moment, with the same idempotency key."""


class Refusal(AssertionError):
    """An answer that was not expected: its status and its problem document."""

    def __init__(self, method: str, path: str, status: int, problem: Any) -> None:
        super().__init__(f"{method} {path}: {status} {json.dumps(problem, ensure_ascii=False)[:800]}")
        self.status = status
        self.problem = problem


@dataclass(slots=True)
class Clients:
    """One tenant's people. `seen` is what any of them has written; every read asks to see it."""

    stack: Stack
    tenant: str = ""
    admin: str = "admin"
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30))
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Clients:
        if not self.tenant:
            self.found(f"t{uuid7().hex[-12:]}", "Demo")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def found(self, tenant: str, name: str) -> None:
        """Add a tenant by lead-routing's command line, with its first administrator, and let that one sign in."""
        self.tenant = tenant
        member = self.stack.members["lead-routing"]
        run_line(member, "tenants", "add", tenant, "--name", name, "--admin", self.admin)
        self.sign_up(self.admin, name, ["process-owner", "operator"])

    def sign_up(self, person: str, name: str, roles: list[str]) -> None:
        """Let the development issuer know somebody."""
        entry = {"person": person, "tenant": self.tenant, "name": name, "roles": roles}
        answer = self.http.post(f"{self.stack.issuer}/people", json=entry)
        assert answer.status_code < 300, answer.text

    def token(self, person: str) -> str:
        """An access token, kept until shortly before it expires."""
        until, token = self._tokens.get(person, (0.0, ""))
        if until < time.monotonic():
            answer = self.http.post(f"{self.stack.issuer}/token", json={"person": person, "tenant": self.tenant})
            assert answer.status_code == 200, answer.text
            token = answer.json()["access_token"]
            self._tokens[person] = (time.monotonic() + 600, token)
        return token

    def ask(
        self,
        person: str,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx2.Response:
        """One request; commands get an idempotency key, and everything carries what was written before."""
        sent = {"Authorization": f"Bearer {self.token(person)}", "Prefer": "wait=10", **(headers or {})}
        if self._seen and "Consistency-Token" not in sent:
            streams = [f"{stream}@{version}" for stream, version in list(self._seen.items())[-50:]]
            sent["Consistency-Token"] = base64.urlsafe_b64encode(json.dumps(streams).encode()).decode().rstrip("=")
        if method != "GET":
            sent.setdefault("Idempotency-Key", str(uuid7()))
        if body is not None:
            options["json"] = body
        url = f"{self.stack.url(service)}{path}"
        for _ in range(TRIES):
            answer = self.http.request(method, url, headers=sent, **options)
            if answer.status_code != 503 or answer.json()["code"] not in WAITS:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        if answer.status_code < 300 and "consistency-token" in answer.headers:
            raw = answer.headers["consistency-token"]
            for entry in json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))):
                stream, _, version = entry.rpartition("@")
                self._seen[stream] = max(int(version), self._seen.pop(stream, 0))
        return answer

    def post(self, person: str, service: str, path: str, body: Any = None, **options: Any) -> Any:
        """A command that must succeed; its answer. Raises Refusal with the problem document."""
        answer = self.ask(
            person, "POST", service, path, {} if body is None and "files" not in options else body, **options
        )
        if answer.status_code >= 300:
            raise Refusal("POST", path, answer.status_code, _document(answer))
        return _document(answer)

    def get(self, person: str, service: str, path: str, **options: Any) -> Any:
        """A query that must succeed; its answer. Raises Refusal with the problem document."""
        answer = self.ask(person, "GET", service, path, **options)
        if answer.status_code >= 300:
            raise Refusal("GET", path, answer.status_code, _document(answer))
        return _document(answer)

    def refused(self, person: str, service: str, path: str, body: Any = None, **options: Any) -> Any:
        """A command that must be refused; its problem document."""
        answer = self.ask(person, "POST", service, path, body, **options)
        assert answer.status_code >= 400, answer.text
        return _document(answer)


def _document(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text

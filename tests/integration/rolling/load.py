"""Steady load: people who take leads from their capture to their conversion, and look at what they did."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from uuid_utils.compat import uuid7

from dev.clients import Clients
from dev.processes import until
from tests.integration.organisations import CONNECTOR, HE, Person, build_organisation, register
from tests.integration.rolling.fleet import Balancer

PEOPLE_AT_ONCE, PAUSE_S, ANSWER_S = 3, 0.06, 10.0
HONG = "hong"
CALL = {"kind": "call", "direction": "out", "duration_s": 320, "text": "客户确认三月底前需要报价"}


@dataclass(frozen=True, slots=True)
class Converted:
    """A lead that was converted: its opportunity, and the release of the process that did it."""

    lead_id: str
    opportunity_id: str
    release: str


@dataclass
class Load:
    """Requests through a balancer. Every answer is expected; anything else is in `failed`."""

    clients: Clients
    balancer: Balancer
    converted: list[Converted] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    requests: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def prepare(self) -> None:
        """An organisation with somebody who can take any number of leads, and tokens that last."""
        build_organisation(self.clients)
        register(self.clients, Person(HONG, "洪销售", load=10_000, a_day=1_000))
        for person in (CONNECTOR, HE, HONG):
            self.clients.token(person)

    def begin(self) -> None:
        """Start the people."""
        for _ in range(PEOPLE_AT_ONCE):
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()

    def end(self) -> None:
        """Let each finish what was begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        """Return when a few more leads were converted. Raises AssertionError if a request failed."""
        wanted = len(self.converted) + PEOPLE_AT_ONCE
        until("the load goes on", lambda: len(self.converted) >= wanted or bool(self.failed), within_s=30)
        assert self.failed == []

    def pause(self) -> None:
        """Between two requests of one person."""
        self._stop.wait(PAUSE_S)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                _One(self).convert()
            except AssertionError as error:
                self.failed.append(str(error))
            except Exception as error:
                self.failed.append(f"{type(error).__name__}: {error}")


class _One:
    """One lead's way; each request sees what those before it wrote, whichever process answered."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.token = ""
        self.release = ""

    def convert(self) -> None:
        captured = self.ask(CONNECTOR, "/v1/leads", {"source": {"channel": "form"}, "company": f"公司 {uuid7()}"}, 201)
        path = f"/v1/leads/{captured['id']}"
        self.ask(HE, f"{path}/assign", {"rep_id": HONG, "reason": "老客户"}, 200)
        assert self.ask(HONG, path)["state"] == "assigned"
        self.ask(HONG, f"{path}/activities", CALL, 201)
        done = self.ask(HONG, f"{path}/convert", {"amount": "120000", "currency": "CNY"}, 200)
        converted = Converted(captured["id"], done["id"], self.release)
        self.ask(HONG, f"{path}/convert", {"amount": "1", "currency": "CNY"}, 409)
        found = self.ask(HONG, path)
        assert (found["state"], found["opportunity_id"]) == ("converted", converted.opportunity_id), found
        assert ("basis" in found) == (self.release != "present"), f"{self.release} answered {found}"
        told = [entry["type"].rpartition(".")[0] for entry in self.ask(HONG, f"{path}/history")["items"]]
        assert told.count("lead-converted") == 1, told
        listed = [one["lead_id"] for one in self.ask(HONG, "/v1/leads?limit=50")["items"]]
        assert converted.lead_id in listed, f"{converted.lead_id} is not among {listed}"
        self.load.converted.append(converted)

    def ask(self, person: str, path: str, body: Any = None, status: int = 200) -> Any:
        self.load.pause()
        headers = {"Authorization": f"Bearer {self.load.clients.token(person)}", "Prefer": "wait=5"}
        headers |= {"Consistency-Token": self.token} if self.token else {}
        headers |= {"Idempotency-Key": str(uuid7())} if body is not None else {}
        method = "GET" if body is None else "POST"
        with self.load.balancer.turn() as process:
            url = f"{process.member.api}{path}"
            answer = self.load.clients.http.request(method, url, json=body, headers=headers, timeout=ANSWER_S)
        self.load.requests += 1
        self.release = process.release.name
        self.token = answer.headers.get("consistency-token", self.token)
        assert answer.status_code == status, f"{process.child.name} {method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

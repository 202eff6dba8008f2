"""Seeded clients that work with leads over HTTP, and write down what they do and see."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from dev.clients import Clients
from tests.integration.faults.history import History, Operation
from tests.integration.faults.rig import OWNER
from tests.integration.organisations import CONNECTOR, HE, LI, POOL, WANG, Person, build_organisation, register

CLIENTS, ANSWER_S, PAUSE_S = 4, 6.0, 0.06
HONG = "hong"
CALL = {"kind": "call", "direction": "out", "duration_s": 320, "text": "客户确认三月底前需要报价"}


@dataclass(slots=True)
class Load:
    """Clients that capture leads, hand them out, work on them, put them into a pool and race for them."""

    clients: Clients
    history: History
    seed: int
    pause_s: float = PAUSE_S
    leads: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def prepare(self) -> None:
        """An organisation, and tokens that last: the issuer is not what is tested."""
        build_organisation(self.clients)
        register(self.clients, Person(HONG, "洪销售", a_day=0, load=10_000))
        rules = {"claims_per_day": 100}
        self.clients.post(self.clients.admin, OWNER, f"/v1/pools/{POOL}/rules", rules)
        for person in (CONNECTOR, HE, LI, WANG, HONG):
            self.clients.token(person)

    def begin(self) -> None:
        """Start the clients."""
        for number in range(CLIENTS):
            thread = threading.Thread(target=self._client, args=(random.Random(f"{self.seed}-{number}"), number))
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Let each finish what it sends just now."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def settle(self, within_s: float = 60.0) -> None:
        """Send everything that is unknown again, under its key, until there is an answer."""
        deadline = time.monotonic() + within_s
        while (unknown := self.history.of("unknown")) and time.monotonic() < deadline:
            for operation in unknown:
                self.send(operation)

    def send(self, operation: Operation) -> None:
        """One request and its answer, both written down."""
        self.history.invoke(operation)
        headers = {"Authorization": f"Bearer {self.clients.token(operation.person)}", "Idempotency-Key": operation.key}
        try:
            answer = self.clients.http.post(
                f"{self.clients.stack.url(OWNER)}{operation.path}",
                json=operation.body,
                headers=headers,
                timeout=ANSWER_S,
            )
            operation.answered(answer.status_code, answer.json())
        except (httpx2.HTTPError, ValueError):
            time.sleep(PAUSE_S)  # nobody is there
        self.history.complete(operation)

    def repeat_some(self, count: int) -> None:
        """Send operations that were answered again: the answers must be the same."""
        answered = [one for one in self.history.operations if one.answers and one.status < 500]
        for operation in random.Random(self.seed).sample(answered, min(count, len(answered))):
            self.send(operation)

    def capture(self, key: str) -> Operation:
        """A lead that comes in."""
        body = {"source": {"channel": "form", "external_id": key}, "company": f"公司 {key}"}
        operation = Operation(key, CONNECTOR, "/v1/leads", body)
        self.send(operation)
        if operation.outcome == "ok":
            self.leads.append(str(operation.answer["id"]))
        return operation

    def _client(self, dice: random.Random, number: int) -> None:
        for count in range(1_000_000):
            if self._stop.is_set():
                return
            key = f"{self.seed}-{number}-{count}"
            if not self.leads or dice.random() < 0.5:
                self.capture(key)
            else:
                self.send(self._step(dice, key))
            time.sleep(self.pause_s)

    def _step(self, dice: random.Random, key: str) -> Operation:
        """Something that is done with a recent lead, by somebody who may or may not be in a position to."""
        path = f"/v1/leads/{dice.choice(self.leads[-20:])}"
        choices: list[tuple[str, str, Any]] = [
            (HE, "assign", {"rep_id": LI, "reason": "老客户"}),
            (LI, "activities", CALL),
            (LI, "release", {"reason": "换区域", "pool_id": POOL}),
            (WANG, "claim", {}),
            (HONG, "claim", {}),
        ]
        person, verb, body = dice.choice(choices)
        return Operation(key, person, f"{path}/{verb}", body)

"""Moving the clock of all services at once: drain, step to the next due instant, drain, and so on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx2

from dev.processes import Trouble
from dev.stack import Stack

PATIENCE_S = 120.0
POLL_S = 0.03


class Timeline:
    """The stack's time. `advance` lets everything happen in its true order: escalations come one after another."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._http = httpx2.Client(timeout=10)

    @property
    def now(self) -> datetime:
        """The present instant of all services."""
        return self.stack.clock.now()

    def set(self, at: datetime) -> None:
        """Move the clock there at once; nothing in between is stepped through."""
        self.stack.clock.set(at)

    def run(self) -> None:
        """Let the clock run from here with real time."""
        self.stack.clock.run()

    def drain(self) -> datetime | None:
        """Wait until every service has dealt with everything there is; the next instant at which something is due.

        Raises Trouble naming who is busy with what, and what they said last, after two minutes without coming to rest.
        """
        deadline = time.monotonic() + PATIENCE_S
        before: Mapping[str, Any] | None = None
        while True:
            quiets = {name: self._quiet(member.health) for name, member in self.stack.members.items()}
            rest = all(quiet["settled"] for quiet in quiets.values()) and all(
                quiets[source]["own_seq"] == seq
                for quiet in quiets.values()
                for source, seq in quiet["ingested"].items()
                if source in quiets
            )
            positions = {name: (quiet["own_seq"], quiet["ingested"]) for name, quiet in quiets.items()}
            if rest and positions == before:
                dues = [datetime.fromisoformat(quiet["next_due"]) for quiet in quiets.values() if quiet["next_due"]]
                return min(dues, default=None)
            before = positions if rest else None
            if time.monotonic() > deadline:
                busy = {name: quiet["busy"] for name, quiet in quiets.items() if not quiet["settled"]}
                children = [self.stack.members[name].child for name in busy]
                words = "".join(f"\n{child.log} ends:\n{child.last_words()}" for child in children if child)
                raise Trouble(f"the services did not come to rest within {PATIENCE_S:.0f} s; busy: {busy}{words}")
            time.sleep(POLL_S)

    def advance(self, to: datetime) -> None:
        """Move the clock to that instant, stopping at every instant at which something is due."""
        while (due := self.drain()) is not None and due <= to:
            self.set(max(due, self.now))
        self.set(to)
        self.drain()

    def close(self) -> None:
        """Close the connections to the services."""
        self._http.close()

    def _quiet(self, health: str) -> Any:
        try:
            answer = self._http.get(f"{health}/quiet")
        except httpx2.HTTPError:
            return {"settled": False, "own_seq": 0, "ingested": {}, "next_due": None, "busy": ["not answering"]}
        if answer.status_code != 200:
            return {"settled": False, "own_seq": 0, "ingested": {}, "next_due": None, "busy": [answer.text[:200]]}
        return answer.json()

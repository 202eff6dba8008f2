"""The chain of one partition, as a reader follows it: what comes next, what came before, what is missing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["next", "repeated", "gap", "forked"]


@dataclass(slots=True)
class Partition:
    """What is known of one partition: the end of the chain that was applied, and what holds it up.

    `gap` says what is missing; `reread_to` is where the partition ended when it began to be read again from its start.
    """

    source: str
    own_seq: int = 0
    offset: int = 0
    gap: str = ""
    gap_since: float | None = None
    reread_to: int | None = None
    stopped_until: float | None = None

    def take(self, own_seq: int, previous: int, now: float | None = None) -> Verdict:
        """What a record is to the chain, by its number and that of the record before it; `next` moves the chain on."""
        if own_seq <= self.own_seq:
            return "repeated"
        if previous == self.own_seq:
            self.own_seq = own_seq
            self.gap, self.gap_since, self.reread_to = "", None, None
            return "next"
        if previous < self.own_seq:
            return "forked"
        if not self.gap:
            self.gap = f"after own_seq {self.own_seq} comes {own_seq}, which follows {previous}"
            self.gap_since = time.monotonic() if now is None else now
        return "gap"

    @property
    def missed(self) -> bool:
        """True when it was read through again and the gap is still there: copies published later did not fill it."""
        return bool(self.gap) and self.reread_to is not None and self.offset >= self.reread_to

    def stop(self, until: float) -> None:
        """Apply nothing more before that instant."""
        self.stopped_until = until

    def wants_rereading(self, now: float, patience: float) -> bool:
        """True when it should be read again from its start: a while after a gap, or after standing still."""
        if self.stopped_until is not None:
            return now > self.stopped_until
        return self.gap_since is not None and now - self.gap_since > patience and self.reread_to is None

    def reread(self, end: int) -> None:
        """It is read again from its start; `end` is where it ends now."""
        self.reread_to = end
        self.gap, self.gap_since, self.stopped_until, self.offset = "", None, None, 0

"""What can go wrong with a command or a query, in the terms of the log; the service kit turns these into problems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libs.events.facts import Fact


class Rejected(Exception):
    """The present state says no. `code` is from the problem registry; `record` are facts that the refusal leaves.

    `details` go into the problem document as extension members (JSON values only).
    """

    def __init__(self, code: str, why: str, *, record: Sequence[Fact] = (), **details: Any) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.record = tuple(record)
        self.details = details


class NotFound(Exception):
    """There is no such thing for this tenant and this person (404, the same for another tenant's id)."""

    def __init__(self, what: str, identity: object = "") -> None:
        super().__init__(f"{what} {identity} does not exist or is not visible to you".replace("  ", " "))
        self.what = what


class Conflict(Exception):
    """A stream moved on between load and append. `current` is the version now, where it is known."""

    def __init__(self, stream: str, current: int | None = None) -> None:
        super().__init__(f"{stream} has changed" + (f" and is at version {current}" if current is not None else ""))
        self.stream = stream
        self.current = current


class IdempotencyMismatch(Exception):
    """The same idempotency key came with another request (422 IDEMPOTENCY_MISMATCH)."""


class NotYetVisible(Exception):
    """The read model has not yet folded what the consistency token names (503 with Retry-After)."""

    def __init__(self, missing: Sequence[str], retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__("not yet visible here: " + ", ".join(missing))
        self.missing = tuple(missing)
        self.retry_after = retry_after


class ParkedKey(Exception):
    """The read model's key waits for an operator because a fact of it could not be folded (503 PARKED)."""


class Unavailable(Exception):
    """The log did not answer in time; the outcome is unknown. Send the same request with the same key (503)."""


class NewerCode(Unavailable):
    """Newer code has written into a stream of the command, so this process cannot decide it; nothing was appended."""


class Overloaded(Exception):
    """More commands wait than can be served in time (503 OVERLOADED with Retry-After)."""


class Restoring(Exception):
    """This database is older than what it has published; commands are refused until re-imported (503 RESTORING)."""


class FactTooLarge(Exception):
    """A fact is over 256 KiB (413)."""


class UnreadableFact(Exception):
    """A stored fact cannot be read by any version this code knows; consumers park it."""


class LaterFact(UnreadableFact):
    """A stored fact is of a version of its type that only newer code knows; consumers let its key wait for that."""

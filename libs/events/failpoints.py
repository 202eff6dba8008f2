"""Named places at which a test makes a process fail; without the setting they do nothing, and production refuses it."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

POINTS: Mapping[str, str] = {
    "append.before": "a batch of commands is about to be appended",
    "append.committed": "it was appended, and nobody has been answered",
    "relay.sent": "the broker has acknowledged a batch, and the position has not moved",
    "ingest.before": "received facts are about to be stored",
    "rebuild.copying": "some rows of a read model's part are copied, the others are not",
    "rebuild.before_move": "a build is complete, and the registry has not moved to it",
    "deadline.fired": "a deadline's fact is appended, and the deadline is not marked",
    "effect.delivered": "an effect is delivered, and is not marked",
    "import.row": "a row of an import is recorded, and the import's progress is not",
}
EXIT_CODE = 137
_FORM = re.compile(r"([a-z_.]+)=(crash|raise|sleep:[0-9.]+)(?:@([1-9][0-9]*))?")


class Failed(OSError):
    """What `raise` raises: an error of the surroundings."""


@dataclass(slots=True)
class Failpoint:
    """What happens at a place when it is passed for the `at`-th time."""

    action: str
    at: int = 1
    passed: int = 0

    def hit(self, name: str) -> None:
        """Count, and act when it is time: once, so that whoever tries again gets by."""
        self.passed += 1
        if self.passed != self.at:
            return
        print(f'{{"event": "failpoint", "name": "{name}", "action": "{self.action}"}}', file=sys.stderr, flush=True)
        match self.action.partition(":"):
            case ("crash", _, _):
                os._exit(EXIT_CODE)
            case ("sleep", _, seconds):
                time.sleep(float(seconds))  # the whole process stands still, as if it were frozen
            case _:
                raise Failed(f"failpoint {name}")


_armed: dict[str, Failpoint] = {}


def parse(text: str) -> dict[str, Failpoint]:
    """`relay.sent=crash@3,append.before=sleep:2`: by name. Raises ValueError for what is not a failpoint."""
    found: dict[str, Failpoint] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _FORM.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r}: <name>=crash|raise|sleep:<seconds>, then @<n> for the n-th time")
        if match[1] not in POINTS:
            raise ValueError(f"{match[1]!r} is not one of {', '.join(POINTS)}")
        found[match[1]] = Failpoint(match[2], int(match[3] or 1))
    return found


def arm(text: str) -> None:
    """Have this process fail at these places."""
    _armed.clear()
    _armed.update(parse(text))


def failpoint(name: str) -> None:
    """Fail here, if that is wanted."""
    if _armed and (one := _armed.get(name)) is not None:
        one.hit(name)

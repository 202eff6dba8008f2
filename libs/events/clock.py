"""The injected clock: real, fixed, or settable for all services at once through a shared file (development)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Business time. Leases, timeouts, tokens and retries use real time instead."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """Stands still until it is moved; for tests."""

    at: datetime

    def now(self) -> datetime:
        """The instant it stands at."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move forward."""
        self.at += by


@dataclass(slots=True)
class FileClock:
    """A clock in a file that all services of a development stack read: `{"at": instant, "running_since": real | null}`.

    It stands still, or runs from `at` since the real instant `running_since`. Never goes back.
    """

    path: Path
    _seen: int = -1
    _at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _since: datetime | None = None

    def now(self) -> datetime:
        """The present instant of the stack."""
        try:
            stamp = os.stat(self.path).st_mtime_ns  # noqa: PTH116 - called for every command, a Path costs more
        except FileNotFoundError:
            return datetime.now(UTC)
        if stamp != self._seen:
            document = json.loads(self.path.read_text())
            self._at = datetime.fromisoformat(document["at"])
            since = document.get("running_since")
            self._since = datetime.fromisoformat(since) if since else None
            self._seen = stamp
        return self._at if self._since is None else self._at + (datetime.now(UTC) - self._since)

    def set(self, at: datetime, *, running: bool = False) -> None:
        """Move the clock of the whole stack forward to `at`; raises ValueError for an earlier instant."""
        if self.path.exists() and at < self.now():
            raise ValueError(f"the clock is at {self.now().isoformat()} and does not go back to {at.isoformat()}")
        self._write(at, running=running)

    def run(self) -> None:
        """Let it run with real time from where it is; harmless when it runs already."""
        self._write(self.now(), running=True)

    def _write(self, at: datetime, *, running: bool) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "at": at.astimezone(UTC).isoformat(),
            "running_since": datetime.now(UTC).isoformat() if running else None,
        }
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(document))
        beside.replace(self.path)


def clock_from(setting: str) -> Clock:
    """`real`, `fixed:2026-03-02T09:00:00+08:00` or `file:PATH`."""
    match setting.split(":", 1):
        case ["real"]:
            return RealClock()
        case ["fixed", instant]:
            return FixedClock(datetime.fromisoformat(instant).astimezone(UTC))
        case ["file", path]:
            return FileClock(Path(path))
        case _:
            raise ValueError(f"clock {setting!r}: write real, fixed:<instant> or file:<path>")

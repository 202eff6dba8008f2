"""Where a development stack keeps what it makes: data, logs, secrets and downloaded jars."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Places:
    """The folders under one data folder (`.data` unless SALESLOOM_DATA names another)."""

    data: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.data / "postgres"

    @property
    def kafka(self) -> Path:
        """Kafka's data."""
        return self.data / "kafka"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.data / "logs"

    @property
    def pids(self) -> Path:
        """One file per running process, swept at the next start."""
        return self.data / "pids"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, readable by their owner only."""
        return self.data / "secrets"

    @property
    def clock(self) -> Path:
        """The clock file that all services of the stack read."""
        return self.data / "clock.json"

    @property
    def evidence(self) -> Path:
        """The local object store, one folder per service."""
        return self.data / "evidence"

    def make(self) -> Places:
        """Create the folders that must exist before anything starts; harmless when they do."""
        for folder in (self.data, self.logs, self.pids, self.evidence):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        return self

    def secret(self, name: str) -> str:
        """The secret of that name, generated at the first call (256 bits, URL-safe) and kept with mode 0600."""
        path = self.secrets / name
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
        return path.read_text().strip()


def development() -> Places:
    """The places of `python -m dev run`."""
    return Places(Path(os.environ.get("SALESLOOM_DATA", ROOT / ".data")).resolve()).make()


def cache(what: str) -> Path:
    """A folder of downloads, kept per user for other clones; SALESLOOM_CACHE names another."""
    named = os.environ.get("SALESLOOM_CACHE")
    folder = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "salesloom"
    try:
        (folder / what).mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = ROOT / ".data" / "cache"
        (folder / what).mkdir(parents=True, exist_ok=True)
    return folder / what

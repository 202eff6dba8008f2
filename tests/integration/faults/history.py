"""What clients did and saw: written before an operation is sent, and after its answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "failed", "unknown"]


@dataclass(slots=True)
class Operation:
    """A command: what was asked under which key, and what became of it (`unknown` until an answer says)."""

    key: str
    person: str
    path: str
    body: Mapping[str, Any]
    outcome: Outcome = "unknown"
    status: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict)
    answers: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    """Every answer that was final, also to repetitions under the same key."""

    def answered(self, status: int, answer: Mapping[str, Any]) -> None:
        """An answer: 2xx is ok, 4xx failed; everything else leaves it unknown."""
        self.status, self.answer = status, answer
        if status < 500:
            self.outcome = "ok" if status < 300 else "failed"
            self.answers.append((status, answer))


class History:
    """All operations of a run, on disk as they happen."""

    def __init__(self, file: Path) -> None:
        self._all: dict[str, Operation] = {}
        self._file = file.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self._begun = time.monotonic()

    @property
    def operations(self) -> list[Operation]:
        """In the order in which they were first sent."""
        return list(self._all.values())

    def invoke(self, operation: Operation) -> None:
        """Before it is sent, the first time or again."""
        self._write("invoke", operation)
        with self._lock:
            self._all[operation.key] = operation

    def complete(self, operation: Operation) -> None:
        """After its answer, or when none came."""
        self._write(operation.outcome, operation)

    def note(self, what: str, **details: Any) -> None:
        """A fault, its healing, a phase."""
        self._line({"at": self._now(), "what": what, **details})

    def of(self, outcome: Outcome) -> list[Operation]:
        """The operations with that outcome."""
        return [operation for operation in self.operations if operation.outcome == outcome]

    def close(self) -> None:
        """No more."""
        self._file.close()

    def _write(self, what: str, operation: Operation) -> None:
        told = asdict(operation)
        del told["answers"]
        self._line({"at": self._now(), "what": what, **told})

    def _line(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            self._file.flush()

    def _now(self) -> float:
        return round(time.monotonic() - self._begun, 3)

"""One run: load, faults by a seeded schedule, healing, rest, check."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.clients import Clients
from dev.processes import Trouble, until
from dev.timeline import Timeline
from tests.integration.faults.checker import Checker, Findings
from tests.integration.faults.faults import FAULTS
from tests.integration.faults.history import History
from tests.integration.faults.load import PAUSE_S, Load
from tests.integration.faults.rig import LISTENERS, Rig, known_to

RECOVERS_WITHIN_S, BETWEEN_S, RESTS_WITHIN_MIN = 60.0, 1.0, 6


@dataclass(slots=True)
class Run:
    """What came of one seed. `recovery`: seconds from a fault's end until a new lead is known to a listener."""

    seed: int
    operations: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    resolved: int = 0
    recovery: dict[str, list[float]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


def schedule(seed: int, count: int) -> list[str]:
    """The faults of a seed, in their order; no two of the same kind before all kinds had their turn."""
    dice, names = random.Random(seed), list(FAULTS)
    found: list[str] = []
    while len(found) < count:
        dice.shuffle(names)
        found += names
    return found[:count]


def run(rig: Rig, seed: int, faults: Sequence[str], folder: Path, pause_s: float = PAUSE_S) -> Run:
    """Load with these faults, one after another, then the check. The history is left in `folder`.

    `pause_s`: what each client waits between two requests; leads that come faster than they are routed pile up.
    """
    done = Run(seed)
    timeline = Timeline(rig.stack)
    with contextlib.closing(History(folder / f"history-{seed}.jsonl")) as history, Clients(rig.stack) as clients:
        load = Load(clients, history, seed, pause_s)
        load.prepare()
        load.begin()
        try:
            until("the load has begun", lambda: len(load.leads) > 10, within_s=30)
            for number, name in enumerate(faults):
                history.note("fault", name=name)
                FAULTS[name](rig)
                done.recovery.setdefault(name, []).append(_recovered(rig, load, f"{seed}-probe-{number}"))
                history.note("recovered", name=name, after_s=done.recovery[name][-1])
                time.sleep(BETWEEN_S)
        finally:
            load.end()
        done.resolved = len(history.of("unknown"))
        load.settle()
        load.repeat_some(30)
        rig.start_worker()
        _at_rest(timeline)
        timeline.close()
        done.findings = Checker(rig, clients, history).check()
        done.operations = len(history.operations)
        done.outcomes = {"ok": len(history.of("ok")), "failed": len(history.of("failed"))}
        done.outcomes["unknown"] = done.operations - sum(done.outcomes.values())
    return done


def _at_rest(timeline: Timeline) -> None:
    """Wait until everything has been dealt with; leads that piled up are routed one by one, which may take minutes."""
    for _ in range(RESTS_WITHIN_MIN - 1):
        with contextlib.suppress(Trouble):
            timeline.drain()
            return
    timeline.drain()


def _recovered(rig: Rig, load: Load, key: str) -> float:
    """Seconds until a command is taken and its fact is known to every listener."""
    begun = time.monotonic()
    probe = load.capture(key)
    while probe.outcome == "unknown":
        assert time.monotonic() - begun < RECOVERS_WITHIN_S, f"{key}: no answer {RECOVERS_WITHIN_S} s after the fault"
        load.send(probe)
    assert probe.outcome == "ok", probe
    lead_id = str(probe.answer["id"])
    for listener in LISTENERS:
        until(f"{listener} has heard", lambda to=listener: known_to(rig, to, lead_id), within_s=RECOVERS_WITHIN_S)  # type: ignore[misc]
    return round(time.monotonic() - begun, 2)

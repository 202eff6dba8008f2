"""Under faults that are really done, nothing that was acknowledged is lost, doubled or put into another order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.rig import Rig, rigged
from tests.integration.faults.running import run, schedule


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """The product on servers of its own."""
    with rigged() as found:
        yield found


def test_every_fault_once_under_load(rig: Rig, tmp_path: Path) -> None:
    """Promise 8: after each fault it recovers by itself, and at the end everything fits together."""
    done = run(rig, 1, schedule(1, 13), tmp_path)
    print(done)
    assert done.findings.clean, done.findings
    assert done.outcomes["ok"] > 100
    assert done.outcomes["unknown"] == 0

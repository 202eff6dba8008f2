"""Under faults that are really done, nothing that was acknowledged is lost, doubled or put into another order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.rig import Rig, rigged
from tests.integration.faults.running import run


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """The product on servers of its own."""
    with rigged() as found:
        yield found


FAULTS_OF_A_TEST = ("kill worker", "crash after commit", "kill broker", "full disk")
"""`make faults` does all of them, in every order."""
GENTLY_S = 0.4
"""Other tests run beside it: leads must not pile up."""


@pytest.mark.timeout(900)
def test_nothing_is_lost_under_load_and_faults(rig: Rig, tmp_path: Path) -> None:
    """Promise 8: after each fault it recovers by itself, and at the end everything fits together."""
    done = run(rig, 1, FAULTS_OF_A_TEST, tmp_path, GENTLY_S)
    print(done)
    assert done.findings.clean, done.findings
    assert done.outcomes["ok"] > 50
    assert done.outcomes["unknown"] == 0

"""Children end with their parent, and what a killed run left is ended by the next one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dev.places import Places
from dev.processes import Trouble, spawn, sweep, until
from dev.servers import only_one

WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data").make()


def test_a_child_that_outlived_its_run_is_swept(places: Places) -> None:
    child = spawn("sleeper", WAITS, logs=places.logs, pids=places.pids)
    assert sweep(places.pids, patience_s=0.1) == ["sleeper"]
    assert not child.running
    assert sweep(places.pids) == []


def test_a_stranger_who_was_given_the_number_of_a_dead_child_is_left_alone(places: Places) -> None:
    stranger = subprocess.Popen(WAITS, stdout=subprocess.DEVNULL)
    try:
        entry = {"pid": stranger.pid, "started": psutil.Process(stranger.pid).create_time() - 3600}
        (places.pids / "sleeper.json").write_text(json.dumps(entry))
        assert sweep(places.pids, patience_s=0.1) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_child_that_does_not_heed_its_signal_is_killed(places: Places) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    child = spawn("deaf", [sys.executable, "-c", deaf], logs=places.logs, pids=places.pids)
    until("the child is up", lambda: "up" in child.log.read_text(), within_s=10, child=child)
    child.ask_to_stop()
    assert not child.gone_by(time.monotonic() + 0.2)
    assert not child.running
    assert not child.pid_file.exists()


def test_waiting_for_a_child_that_ends_gives_its_last_words(places: Places) -> None:
    child = spawn("broken", [sys.executable, "-c", "exit('no disk')"], logs=places.logs, pids=places.pids)
    with pytest.raises(Trouble, match="no disk"):
        until("it answers", lambda: False, within_s=10, child=child)


def test_a_second_stack_on_the_same_data_is_refused_with_the_process_that_has_it(places: Places) -> None:
    with only_one(places, print), pytest.raises(Trouble, match="already runs on"), only_one(places, print):
        pass


def test_a_secret_is_made_once_and_is_its_owners_only(places: Places) -> None:
    assert places.secret("postgres") == places.secret("postgres") != places.secret("other")
    assert (places.secrets / "postgres").stat().st_mode & 0o777 == 0o600

"""A real process: it serves, says what is wrong with its settings, and ends in time while streams are open."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import orjson
import pytest

from dev.provision import Database
from libs.service.issuer import DemoPerson, access_token, signing_key

PROGRAM = "from libs.service.cli import main\nfrom libs.service.tests.pond import POND\nmain(POND)\n"
PERSON = DemoPerson(person="rep-li", tenant="tenantalpha", roles=["rep"])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Running:
    """A process that serves."""

    process: subprocess.Popen[bytes]
    address: str
    health: str


@pytest.fixture
def running(pond_database: Database, tmp_path: Path) -> Iterator[Running]:
    """`api` of the throw-away service, with its own issuer's port dead."""
    port, health = free_port(), free_port()
    environment = {
        **os.environ,
        "SALESLOOM_ENVIRONMENT": "development",
        "SALESLOOM_API_URL": pond_database.api_url,
        "SALESLOOM_HOST": "127.0.0.1",
        "SALESLOOM_PORT": str(port),
        "SALESLOOM_HEALTH_PORT": str(health),
        "SALESLOOM_ISSUER": f"http://127.0.0.1:{free_port()}",
        "SALESLOOM_OBJECTS": str(tmp_path),
        "PYTHONPATH": str(Path.cwd()),
    }
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "api"], env=environment, stderr=subprocess.PIPE)
    found = Running(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{health}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx2.get(f"{found.health}/livez", timeout=1)
            break
        except httpx2.TransportError:
            continue
    yield found
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_process_serves_and_stops_when_told(running: Running) -> None:
    assert httpx2.get(f"{running.address}/problems").status_code == 200
    assert httpx2.get(f"{running.health}/livez").status_code == 200
    token = access_token(signing_key(None), "http://127.0.0.1", "salesloom", PERSON)
    without_issuer = httpx2.get(f"{running.address}/v1/stones", headers={"Authorization": f"Bearer {token}"})
    assert (without_issuer.status_code, without_issuer.json()["code"]) == (503, "UNAVAILABLE")
    running.process.send_signal(signal.SIGTERM)
    _, errors = running.process.communicate(timeout=20)
    assert running.process.returncode == 0
    lines = [orjson.loads(line) for line in errors.splitlines()]
    assert [line["event"] for line in lines if line["logger"] == "libs.service.cli"] == ["serving", "stopped"]
    assert token.encode() not in errors


def test_a_process_with_unfit_settings_names_them() -> None:
    environment = {"SALESLOOM_CLOCK": "file:/x", "PYTHONPATH": str(Path.cwd())}
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, "api"], env=environment, capture_output=True, timeout=60, check=False
    )
    assert told.returncode == 78
    assert b"SALESLOOM_CLOCK" in told.stderr

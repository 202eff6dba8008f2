"""One service is restored from its backup to an earlier point, while the others go on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.clients import Clients
from dev.places import ROOT
from dev.postgres import PROGRAMS
from dev.processes import call, until
from dev.provision import drop, provision
from dev.stack import Stack, run_line
from dev.timeline import Timeline
from tests.integration.databases import value
from tests.integration.organisations import CONNECTOR, HE, LI, build_organisation, lead
from tests.product import started

SERVICE = "lead-routing"


@pytest.fixture(scope="module")
def pair(servers: Any) -> Iterator[Stack]:
    """Lead-routing, which is restored, and kpi."""
    with started(servers.postgres_dsn, servers.kafka, SERVICE, "kpi") as running:
        yield running


def _script(name: str, pair: Stack, *arguments: Path) -> list[str]:
    """Run a script of deploy/backup; the lines it says."""
    environment = {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "SALESLOOM_OWNER_URL": pair.members[SERVICE].database.owner_url,
    }
    done = subprocess.run(
        [ROOT / "deploy" / "backup" / name, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def _capture(clients: Clients, name: str) -> str:
    return str(clients.post(CONNECTOR, SERVICE, "/v1/leads", lead(name))["id"])


def test_a_service_comes_back_from_its_backup_and_from_kafka(pair: Stack, servers: Any, tmp_path: Path) -> None:
    """B.3, I-48: keys apart from data; what came after the backup comes from Kafka; kpi goes on all the while."""
    timeline = Timeline(pair)
    with Clients(pair) as clients:
        build_organisation(clients)
        before = _capture(clients, "before")
        timeline.drain()
        data, keys = _script("backup.sh", pair, tmp_path / "data", tmp_path / "keys")
        listed = subprocess.run([PROGRAMS / "pg_restore", "--list", data], capture_output=True, text=True, check=True)
        assert "TABLE DATA log events" in listed.stdout
        assert "TABLE DATA log subject_keys" not in listed.stdout
        after = _capture(clients, "after")
        timeline.drain()
        facts = value(pair.members[SERVICE].database.owner_url, "select own_seq from log.head()")

        pair.stop(SERVICE)
        call(lambda: _empty(servers.postgres_dsn, pair))
        _script("restore.sh", pair, Path(data), Path(keys))
        assert clients.get(HE, "kpi", "/v1/reports/funnel?by=owner")["rows"] is not None
        run_line(pair.members[SERVICE], "restore", "--from", "kafka")
        pair.start_again(SERVICE)
        verdict = "select verdict from log.verdict"
        until(
            "it takes commands", lambda: value(pair.members[SERVICE].database.owner_url, verdict) == "ok", within_s=30
        )
        timeline.drain()
        assert value(pair.members[SERVICE].database.owner_url, "select own_seq from log.head()") == facts
        assert _names(clients, before) == ["王芳"]
        assert _names(clients, after) == [None]  # its key was made after the backup
        _capture(clients, "later")
        timeline.drain()
        timeline.close()


def _names(clients: Clients, lead_id: str) -> list[str | None]:
    clients.ask(HE, "POST", SERVICE, f"/v1/leads/{lead_id}/assign", {"rep_id": LI, "reason": "老客户"})
    return [one["name"] for one in clients.get(HE, SERVICE, f"/v1/leads/{lead_id}")["contacts"]]


async def _empty(dsn: str, pair: Stack) -> None:
    """An empty database with the roles' rights, in the place of the lost one."""
    await drop(dsn, pair.members[SERVICE].database.name)
    prefix = pair.prefix.removesuffix(".").replace("-", "_")
    await provision(dsn, SERVICE, lambda role: pair.places.secret(f"postgres-{role}"), prefix=f"{prefix}_")

"""Releases are rolled out under load: nobody is refused, and old and new code are right beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dev.clients import Clients
from dev.processes import until
from dev.timeline import Timeline
from tests.integration.databases import rows, value
from tests.integration.rolling.fleet import OWNER, Fleet
from tests.integration.rolling.load import HONG, Load
from tests.integration.rolling.releases import (
    NOT_ASKED,
    PRESENT,
    PRICED,
    READS,
    WRITES,
    Release,
    made,
    with_migration,
)
from tests.product import started

LISTENER = "pipeline"
WAITING = "select count(distinct key) from log.parked where waits and consumer like 'reaction:open-opportunities%'"
ARRIVED = "select data->>'lead_id' as lead_id from log.events where type = 'lead-captured.v1' and stream like $1"


@pytest.fixture
def fleet(servers: Any) -> Iterator[Fleet]:
    """Lead-routing as two API processes and two workers, with pipeline listening to it."""
    with started(servers.postgres_dsn, servers.kafka, OWNER, LISTENER) as running:
        running.clock.run()
        found = Fleet(running)
        found.begin()
        yield found


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, Release]:
    """One that reads another version of a fact and has a migration, and one that writes that version."""
    reads = made("reads", tmp_path / "reads", PRESENT, READS)
    with_migration(reads)
    return reads, made("writes", tmp_path / "writes", reads, WRITES)


@pytest.mark.timeout(600)
def test_releases_are_rolled_out_under_load(fleet: Fleet, releases: tuple[Release, Release]) -> None:
    """I-25, I-26, I-47: no request fails, while each process is replaced, twice, by one with other facts and rows."""
    reads, writes = releases
    with Clients(fleet.stack) as clients:
        load = Load(clients, fleet.balancer)
        load.prepare()
        load.begin()
        try:
            load.go_on()
            fleet.line(OWNER, reads, "migrate")
            load.go_on()
            fleet.roll_out(reads, load.go_on)
            load.go_on()
            fleet.roll_out(writes, load.go_on)
            load.go_on()
        finally:
            load.end()
        assert load.failed == []
        assert fleet.balancer.answered.keys() == {"present", "reads", "writes"}
        _recorded(fleet, load)
        _listener_lost_nothing(fleet, load, writes)
        _shown(clients, load)
        with closing(Timeline(fleet.stack)) as timeline:
            timeline.drain()
        for service in (OWNER, LISTENER):
            _as_replayed(fleet, service, writes)
    print(f"{load.requests} requests, {len(load.converted)} leads: {dict(fleet.balancer.answered)}")


def _recorded(fleet: Fleet, load: Load) -> None:
    """Each conversion is there once, in the version that its process wrote; what was recorded stays as it was."""
    found = rows(
        _url(fleet, OWNER),
        "select type, data->>'lead_id' as lead_id, data->>'basis' as basis from log.events"
        " where type like 'lead-converted.v%'",
    )
    wanted = [
        ("lead-converted.v2", one.lead_id, PRICED)
        if one.release == "writes"
        else ("lead-converted.v1", one.lead_id, None)
        for one in load.converted
    ]
    assert sorted(map(tuple, found), key=str) == sorted(wanted, key=str)
    assert {kind for kind, *_ in wanted} == {"lead-converted.v1", "lead-converted.v2"}


def _listener_lost_nothing(fleet: Fleet, load: Load, release: Release) -> None:
    """The code of before goes on beside the later version, which waits there; later code goes on with it."""
    captured = {str(row["lead_id"]) for row in rows(_url(fleet, OWNER), ARRIVED, f"{OWNER}/%")}
    assert captured >= {one.lead_id for one in load.converted}

    def has_all() -> bool:
        return {str(row["lead_id"]) for row in rows(_url(fleet, LISTENER), ARRIVED, f"{OWNER}/%")} == captured

    until("the listener has all leads", has_all, within_s=30)
    known = {one.opportunity_id for one in load.converted if one.release != "writes"}
    later = {one.opportunity_id for one in load.converted} - known
    until("the listener opened what it can read", lambda: _opened(fleet) >= known, within_s=30)
    until("what it cannot read waits", lambda: value(_url(fleet, LISTENER), WAITING) == len(later), within_s=30)
    assert not _opened(fleet) & later
    metrics = httpx2.get(f"{fleet.stack.members[LISTENER].health}/metrics").text
    assert 'salesloom_unknown_facts_total{type="lead-converted.v2"}' in metrics
    fleet.line(LISTENER, release, "migrate")
    fleet.replace_listener(LISTENER, release)
    until("later code opened the others", lambda: _opened(fleet) == known | later, within_s=30)
    assert value(_url(fleet, LISTENER), "select count(*) from log.parked") == 0


def _opened(fleet: Fleet) -> set[str]:
    sql = "select data->>'opportunity_id' as id from log.events where type = 'opportunity-opened.v1'"
    found = [str(row["id"]) for row in rows(_url(fleet, LISTENER), sql)]
    assert len(found) == len(set(found))
    return set(found)


def _shown(clients: Clients, load: Load) -> None:
    """Facts of before are shown as if they had been written today, new ones in full."""
    for release, basis in (("present", NOT_ASKED), ("reads", NOT_ASKED), ("writes", PRICED)):
        one = next(one for one in load.converted if one.release == release)
        assert clients.get(HONG, OWNER, f"/v1/leads/{one.lead_id}")["basis"] == basis
        (told,) = [
            entry
            for entry in clients.get(HONG, OWNER, f"/v1/leads/{one.lead_id}/history")["items"]
            if entry["type"].startswith("lead-converted")
        ]
        assert (told["type"], told["data"]["basis"]) == ("lead-converted.v2", basis)


def _as_replayed(fleet: Fleet, service: str, release: Release) -> None:
    """Every read model of the last release is what that release makes of the log anew, and nothing waits."""
    said = fleet.line(service, release, "doctor", "--full", "--json", codes=(0, 1))
    found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [one for one in found if one["check"] != "sources"] == []  # the services that send nothing do not run
    assert value(_url(fleet, service), "select count(*) from log.parked") == 0


def _url(fleet: Fleet, service: str) -> str:
    return fleet.stack.members[service].database.owner_url

"""The development issuer is an issuer like any other, and refuses to be one in production."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from libs.service.auth import person_from
from libs.service.authority import TokenAuthority
from libs.service.issuer import People, create_issuer, signing_key
from libs.service.issuer_keys import IssuerKeys

ISSUER = "http://127.0.0.1:8000"
LI = {"person": "rep-li", "tenant": "tenantalpha", "name": "李", "roles": ["rep"]}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of one person."""
    path = tmp_path / "people.json"
    path.write_text(json.dumps([LI]))
    return path


@pytest.fixture
def client(people: Path) -> httpx2.AsyncClient:
    """A caller of the issuer."""
    app = create_issuer(People(people), signing_key(None), ISSUER, "salesloom")
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER)


async def test_its_tokens_are_accepted_like_any_other(client: httpx2.AsyncClient) -> None:
    token = (await client.post("/token", json={"person": "rep-li"})).json()["access_token"]
    authority = TokenAuthority(IssuerKeys(ISSUER, client), ISSUER, "salesloom", ("ES256",))
    person = person_from(await authority.claims(token))
    assert (person.person_id, person.tenant, person.roles) == ("rep-li", "tenantalpha", frozenset({"rep"}))


def test_people_are_read_again_when_their_file_changes(people: Path) -> None:
    known = People(people)
    assert known.find("boss", None) is None
    people.write_text(json.dumps([LI, {**LI, "person": "boss", "roles": ["director"]}]))
    assert known.find("boss", None)


async def test_somebody_can_be_added(client: httpx2.AsyncClient) -> None:
    added = await client.post("/people", json={**LI, "person": "new", "roles": ["manager", "rep"]})
    unfit = await client.post("/people", json={**LI, "roles": ["emperor"]})
    assert (added.status_code, unfit.status_code) == (201, 422)
    assert [one["person"] for one in (await client.get("/people")).json()] == ["rep-li", "new"]


async def test_one_id_in_two_tenants_is_two_people(client: httpx2.AsyncClient) -> None:
    await client.post("/people", json={**LI, "tenant": "tenantbeta0", "roles": ["auditor"]})
    assert len((await client.get("/people")).json()) == 2
    assert (await client.post("/token", json={"person": "rep-li", "tenant": "tenantbeta0"})).status_code == 200
    assert (await client.post("/token", json={"person": "rep-li", "tenant": "nowhere0"})).status_code == 404


def test_a_kept_key_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    first, second = signing_key(path), signing_key(path)
    assert first.as_dict(private=True) == second.as_dict(private=True)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("environment", ["production", "staging", ""])
def test_it_does_not_start_outside_development(people: Path, environment: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "libs.service.issuer", "--people", str(people)],
        env={"SALESLOOM_ENVIRONMENT": environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 78
    assert "SALESLOOM_ENVIRONMENT" in told.stderr

"""The development issuer: access tokens for demo people, on the code path that any issuer takes. Never in production.

`python -m libs.service.issuer --port 8000 --people people.json`
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI, HTTPException
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from uuid_utils.compat import uuid7

from libs.events.facts import TENANT_PATTERN
from libs.service.auth import ROLES

LIFETIME_SECONDS = 900
ALGORITHM = "ES256"
CLIENT = "salesloom-demo"


def _known_roles(roles: list[str]) -> list[str]:
    if unknown := set(roles) - ROLES:
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
    return sorted(set(roles))


class DemoPerson(BaseModel):
    """Somebody who can sign in here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)]
    name: Annotated[str, Field(max_length=100)] = ""
    roles: Annotated[list[str], AfterValidator(_known_roles)]


class TokenRequest(BaseModel):
    """Who wants a token; `tenant` only where one id is in several tenants."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    tenant: str | None = None


@dataclass(slots=True)
class People:
    """The people of a JSON file, read again whenever it changes."""

    path: Path
    _stamp: int = -1
    _known: tuple[DemoPerson, ...] = ()

    def all(self) -> tuple[DemoPerson, ...]:
        """Everybody; nobody while the file does not exist."""
        try:
            stamp = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        if stamp != self._stamp:
            entries = json.loads(self.path.read_text())
            self._known = tuple(DemoPerson.model_validate(entry) for entry in entries)
            self._stamp = stamp
        return self._known

    def add(self, person: DemoPerson) -> None:
        """Keep somebody, in place of whoever had this id in this tenant."""
        kept = [one for one in self.all() if (one.person, one.tenant) != (person.person, person.tenant)]
        text = json.dumps([one.model_dump() for one in [*kept, person]], ensure_ascii=False, indent=2)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(text + "\n")
        beside.replace(self.path)

    def find(self, person: str, tenant: str | None) -> DemoPerson | None:
        """The person with this id."""
        found = [one for one in self.all() if one.person == person and tenant in {None, one.tenant}]
        return found[0] if found else None


def signing_key(path: Path | None) -> ECKey:
    """The key kept in this file; a new one where there is none yet."""
    if path is not None and path.exists():
        return ECKey.import_key(json.loads(path.read_text()))
    key = ECKey.generate_key("P-256", {"kid": f"dev-{uuid7().hex[-12:]}", "alg": ALGORITHM, "use": "sig"})
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(key.as_dict(private=True)))
    return key


def access_token(key: ECKey, issuer: str, audience: str, person: DemoPerson, lifetime: int = LIFETIME_SECONDS) -> str:
    """An access token of RFC 9068 for this person."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": person.person,
        "tenant": person.tenant,
        "roles": person.roles,
        "client_id": CLIENT,
        "jti": str(uuid7()),
        "iat": now,
        "exp": now + lifetime,
    }
    return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


def create_issuer(people: People, key: ECKey, issuer: str, audience: str) -> FastAPI:
    """The issuer's application."""
    app = FastAPI(
        title="Development issuer", docs_url=None, redoc_url=None, telemetry={"tracing": False, "logs": False}
    )

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        """Where everything is."""
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks",
            "token_endpoint": f"{issuer}/token",
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        """The public key."""
        return {"keys": [key.as_dict(private=False)]}

    @app.post("/token")
    async def token(wanted: TokenRequest) -> dict[str, Any]:
        """An access token for a demo person; nobody proves anything, hence only in development."""
        person = people.find(wanted.person, wanted.tenant)
        if person is None:
            raise HTTPException(404, f"nobody here is called {wanted.person[:80]}")
        made = access_token(key, issuer, audience, person)
        return {"access_token": made, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}

    @app.get("/people")
    async def list_people() -> list[DemoPerson]:
        """Who can sign in."""
        return list(people.all())

    @app.post("/people", status_code=201)
    async def add_person(person: DemoPerson) -> DemoPerson:
        """Let somebody sign in from now on."""
        people.add(person)
        return person

    return app


class IssuerSettings(BaseSettings):
    """What the issuer shares with the services."""

    model_config = SettingsConfigDict(env_prefix="SALESLOOM_", extra="ignore")

    environment: str = "production"
    issuer: str = ""
    audience: str = "salesloom"


def run(
    people: Annotated[Path, typer.Option(help="JSON file: [{person, tenant, name, roles}]")],
    port: Annotated[int, typer.Option(help="Where to listen")] = 8000,
    host: Annotated[str, typer.Option(help="Where to listen")] = "127.0.0.1",
    key: Annotated[
        Path | None, typer.Option(help="File that keeps the signing key; a new key at each start if not given")
    ] = None,
) -> None:
    """Issue access tokens for demo people. Refuses to start unless SALESLOOM_ENVIRONMENT=development."""
    settings = IssuerSettings()
    if settings.environment != "development":
        typer.echo("SALESLOOM_ENVIRONMENT: this issuer signs for anybody; it runs in development only", err=True)
        raise typer.Exit(78)
    issuer = settings.issuer or f"http://{host}:{port}"
    app = create_issuer(People(people), signing_key(key), issuer, settings.audience)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=5)


if __name__ == "__main__":
    typer.run(run)

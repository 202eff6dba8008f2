"""Settings of a process, from the environment (`SALESLOOM_…`); every secret may come from a file (`…_FILE`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from libs.events import failpoints
from libs.events.clock import Clock, clock_from
from libs.events.facts import SERVICES
from libs.events.wire import Topics

PREFIX = "SALESLOOM_"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
FIRST_PORT = 8001
FIRST_HEALTH_PORT = 9001
DEVELOPMENT_SECRET = "development-only-" * 3
KEY_BYTES = 32
GUESSED = frozenset(
    {"", "postgres", "password", "passwort", "salesloom", "secret", "changeme", "admin", "root", "123456"}
)


class Settings(BaseSettings):
    """Where a service's process finds what it needs. `service` is an argument, the rest is environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    service: str
    environment: Literal["development", "production"] = "production"
    api_url: SecretStr = SecretStr("")
    worker_url: SecretStr = SecretStr("")
    owner_url: SecretStr = SecretStr("")
    kafka: str = ""
    topic_prefix: str = ""
    schemas_url: str = ""
    host: str = "0.0.0.0"  # noqa: S104 - a container's port is published by its platform
    port: int = 0
    health_port: int = 0
    issuer: str = ""
    audience: str = "salesloom"
    algorithms: Annotated[tuple[str, ...], NoDecode] = ALGORITHMS
    clock: str = "real"
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    objects: str = ""
    otlp_endpoint: str = ""
    secret: SecretStr = SecretStr("")
    master_key: SecretStr = SecretStr("")
    previous_master_key: SecretStr = SecretStr("")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    commands_at_once: Annotated[int, Field(ge=1, le=10_000)] = 64
    queries_at_once: Annotated[int, Field(ge=1, le=10_000)] = 256
    failpoints: str = ""

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("api_url", "worker_url", "owner_url", "secret", "master_key", "previous_master_key"):
            path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
            if path and not values.get(name):
                values[name] = Path(path).read_text().strip()
        return values

    @field_validator("algorithms", "cors_origins", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("schemas_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError(f"{PREFIX}SCHEMAS_URL: an absolute URL such as https://api.example.com/schemas/")
        return f"{value.rstrip('/')}/" if value else ""

    @model_validator(mode="before")
    @classmethod
    def _ports_by_service(cls, values: dict[str, Any]) -> dict[str, Any]:
        service = values.get("service")
        if service not in SERVICES:
            raise ValueError(f"service {service!r}: one of {', '.join(SERVICES)}")
        number = SERVICES.index(service)
        values["port"] = int(values.get("port") or 0) or FIRST_PORT + number
        values["health_port"] = int(values.get("health_port") or 0) or FIRST_HEALTH_PORT + number
        return values

    @model_validator(mode="after")
    def _only_in_development(self) -> Settings:
        if unknown := set(self.algorithms) - set(ALGORITHMS):
            raise ValueError(f"{PREFIX}ALGORITHMS: {', '.join(sorted(unknown))} is not one of {', '.join(ALGORITHMS)}")
        clock_from(self.clock)
        self.key("any")
        _ = self.master_keys
        try:
            failpoints.parse(self.failpoints)
        except ValueError as error:
            raise ValueError(f"{PREFIX}FAILPOINTS: {error}") from None
        if self.environment == "development":
            return self
        if self.failpoints:
            raise ValueError(f"{PREFIX}FAILPOINTS: only in development")
        if self.clock != "real":
            raise ValueError(f"{PREFIX}CLOCK: only the real clock outside development")
        self._guard_secrets()
        if not self.audience:
            raise ValueError(f"{PREFIX}AUDIENCE: needed outside development, or tokens for others would be taken")
        if "*" in self.cors_origins:
            raise ValueError(f"{PREFIX}CORS_ORIGINS: name the origins; * only in development")
        issuer = urlsplit(self.issuer)
        if self.issuer and (issuer.scheme != "https" or issuer.hostname in {"localhost", "127.0.0.1", "::1"}):
            raise ValueError(f"{PREFIX}ISSUER: only an https issuer on another host outside development")
        return self

    def _guard_secrets(self) -> None:
        """No secret that others could guess."""
        secret = self.secret.get_secret_value()
        if not secret or DEVELOPMENT_SECRET in secret:
            raise ValueError(f"{PREFIX}SECRET: needed outside development (at least {KEY_BYTES} random bytes)")
        for name in ("api_url", "worker_url", "owner_url"):
            address = urlsplit(getattr(self, name).get_secret_value())
            if address.password is not None and address.password.lower() in {*GUESSED, address.username}:
                raise ValueError(f"{PREFIX}{name.upper()}: its password is one that anybody would try first")

    @property
    def topics(self) -> Topics:
        """The topics of this cell; without a URL for schemas, lead-routing's own address serves them."""
        host = "localhost" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not listened on
        return Topics(self.topic_prefix, self.schemas_url or f"http://{host}:{FIRST_PORT}/schemas/")

    def business_clock(self) -> Clock:
        """The clock that this process reads business time from."""
        return clock_from(self.clock)

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose (`cursors`, `fingerprints`, `stream`, `wrapping`), derived from the secret.

        The same for every process of this service, another one for each service.
        """
        return hmac.new(self._secret_bytes(), f"salesloom\n{self.service}\n{purpose}".encode(), hashlib.sha256).digest()

    @property
    def master_keys(self) -> tuple[bytes, ...]:
        """What the keys of subjects are wrapped with: the present one first, then those that still open older ones."""
        given = [("MASTER_KEY", self.master_key), ("PREVIOUS_MASTER_KEY", self.previous_master_key)]
        found = [_bytes_of(name, key.get_secret_value()) for name, key in given if key.get_secret_value()]
        return (*found, self.key("wrapping"))

    def _secret_bytes(self) -> bytes:
        text = self.secret.get_secret_value()
        return _bytes_of("SECRET", text) if text else DEVELOPMENT_SECRET.encode()


def _bytes_of(name: str, text: str) -> bytes:
    """A secret as it is written in a setting."""
    for decode in (bytes.fromhex, base64.urlsafe_b64decode):
        try:
            found = decode(text + ("=" * (-len(text) % 4) if decode is base64.urlsafe_b64decode else ""))
        except (ValueError, binascii.Error):
            continue
        if len(found) >= KEY_BYTES:
            return found
    raise ValueError(f"{PREFIX}{name}: {KEY_BYTES} bytes or more, in hex or urlsafe base64")

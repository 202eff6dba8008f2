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
from libs.events.broker import Broker
from libs.events.clock import Clock, clock_from
from libs.events.facts import SERVICES
from libs.events.wire import Topics
from libs.service.guards import DEVELOPMENT_SECRET, KEY_BYTES, PREFIX, guard

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
FIRST_PORT = 8001
FIRST_HEALTH_PORT = 9001


class Settings(BaseSettings):
    """Where a service's process finds what it needs. `service` is an argument, the rest is environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    service: str
    environment: Literal["development", "production"] = "production"
    api_url: SecretStr = SecretStr("")
    worker_url: SecretStr = SecretStr("")
    owner_url: SecretStr = SecretStr("")
    kafka: str = ""
    kafka_ca: str = ""
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
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
    kms_url: str = ""
    kms_token: SecretStr = SecretStr("")
    kms_ca: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    commands_at_once: Annotated[int, Field(ge=1, le=10_000)] = 64
    queries_at_once: Annotated[int, Field(ge=1, le=10_000)] = 256
    failpoints: str = ""

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in (name for name, one in cls.model_fields.items() if one.annotation is SecretStr):
            path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
            if path and not values.get(name):
                try:
                    values[name] = Path(path).read_text().strip()
                except OSError as error:
                    raise ValueError(f"{PREFIX}{name.upper()}_FILE: {path}: {error.strerror}") from None
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
        if not self.kms_url:  # what it opens is checked then
            _ = self.master_keys
        try:
            failpoints.parse(self.failpoints)
        except ValueError as error:
            raise ValueError(f"{PREFIX}FAILPOINTS: {error}") from None
        self._check_kafka()
        if self.environment == "development":
            return self
        guard(self)
        return self

    def _check_kafka(self) -> None:
        try:
            self.broker.options()
        except OSError as error:
            raise ValueError(f"{PREFIX}KAFKA_CA: no certificates in {self.kafka_ca}: {error.strerror}") from None
        if bool(self.kafka_user) != bool(self.kafka_password.get_secret_value()):
            raise ValueError(f"{PREFIX}KAFKA_USER and {PREFIX}KAFKA_PASSWORD: both, or neither")

    @property
    def topics(self) -> Topics:
        """The topics of this cell; without a URL for schemas, lead-routing's own address serves them."""
        host = "localhost" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not listened on
        return Topics(self.topic_prefix, self.schemas_url or f"http://{host}:{FIRST_PORT}/schemas/")

    @property
    def broker(self) -> Broker:
        """Kafka, with this service's name and password there."""
        return Broker(self.kafka, self.kafka_ca, self.kafka_user, self.kafka_password.get_secret_value())

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

"""What a process does not start with outside development."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from libs.service.settings import Settings

PREFIX = "SALESLOOM_"
KEY_BYTES = 32
DEVELOPMENT_SECRET = "development-only-" * 3
GUESSED = frozenset(
    {"", "postgres", "password", "passwort", "salesloom", "secret", "changeme", "admin", "root", "123456"}
)


def guard(settings: Settings) -> None:
    """Raises ValueError with the name of the first setting that is for development, or that anybody could use."""
    if settings.failpoints:
        raise ValueError(f"{PREFIX}FAILPOINTS: only in development")
    if settings.clock != "real":
        raise ValueError(f"{PREFIX}CLOCK: only the real clock outside development")
    _guard_secrets(settings)
    if not settings.audience:
        raise ValueError(f"{PREFIX}AUDIENCE: needed outside development, or tokens for others would be taken")
    if "*" in settings.cors_origins:
        raise ValueError(f"{PREFIX}CORS_ORIGINS: name the origins; * only in development")
    issuer = urlsplit(settings.issuer)
    if settings.issuer and (issuer.scheme != "https" or issuer.hostname in {"localhost", "127.0.0.1", "::1"}):
        raise ValueError(f"{PREFIX}ISSUER: only an https issuer on another host outside development")
    if settings.kms_url and urlsplit(settings.kms_url).scheme != "https":
        raise ValueError(f"{PREFIX}KMS_URL: only https outside development, or anybody on the way would read the keys")
    if settings.kafka_user and not settings.kafka_ca:
        raise ValueError(f"{PREFIX}KAFKA_CA: needed with a user outside development, or anybody could pass for Kafka")


def _guard_secrets(settings: Settings) -> None:
    secret = settings.secret.get_secret_value()
    if not secret or DEVELOPMENT_SECRET in secret:
        raise ValueError(f"{PREFIX}SECRET: needed outside development (at least {KEY_BYTES} random bytes)")
    for name in ("api_url", "worker_url", "owner_url"):
        address = urlsplit(getattr(settings, name).get_secret_value())
        if address.password is not None and _guessable(address.password, address.username):
            raise ValueError(f"{PREFIX}{name.upper()}: its password is one that anybody would try first")
    if settings.kafka_user and _guessable(settings.kafka_password.get_secret_value(), settings.kafka_user):
        raise ValueError(f"{PREFIX}KAFKA_PASSWORD: it is one that anybody would try first")


def _guessable(password: str, user: str | None) -> bool:
    return password.casefold() in {*GUESSED, (user or "").casefold()}

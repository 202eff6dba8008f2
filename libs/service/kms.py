"""Master keys that a key management service keeps: settings hold them wrapped, and this process has them opened."""

from __future__ import annotations

import ssl

import httpx2
from pydantic import SecretStr

from libs.service.guards import PREFIX
from libs.service.settings import Settings

SECONDS = 10.0


class KmsRefused(Exception):
    """The key management service did not open a master key; the text says which setting to look at."""


def with_opened_keys(settings: Settings) -> Settings:
    """The settings with master keys in plain text, which stay in this process; unchanged without `SALESLOOM_KMS_URL`.

    The service is one that speaks the transit API of HashiCorp Vault and OpenBao: `POST <url>` with `ciphertext`,
    answered with `plaintext`. Raises KmsRefused.
    """
    if not settings.kms_url:
        return settings
    given = {name: getattr(settings, name).get_secret_value() for name in ("master_key", "previous_master_key")}
    headers = {"X-Vault-Token": settings.kms_token.get_secret_value()}
    with httpx2.Client(timeout=SECONDS, headers=headers, verify=_trusted(settings.kms_ca)) as http:
        opened = {name: SecretStr(_opened(http, settings.kms_url, name, text)) for name, text in given.items() if text}
    return Settings(**{**settings.model_dump(), **opened, "kms_url": ""})


def _trusted(ca: str) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=ca) if ca else True
    except OSError as error:
        raise KmsRefused(f"{PREFIX}KMS_CA: no certificates in {ca}: {error.strerror}") from None


def _opened(http: httpx2.Client, url: str, name: str, wrapped: str) -> str:
    try:
        answer = http.post(url, json={"ciphertext": wrapped})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise KmsRefused(f"{PREFIX}KMS_URL: {url} does not answer: {type(error).__name__}") from error
    if answer.status_code in {401, 403}:
        raise KmsRefused(f"{PREFIX}KMS_TOKEN: the key management service does not let it open keys")
    try:
        plain: str = answer.raise_for_status().json()["data"]["plaintext"]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise KmsRefused(
            f"{PREFIX}{name.upper()}: the key management service does not open it ({answer.status_code})"
        ) from error
    return plain

"""Master keys that a key management service opens, spoken to as the transit API of Vault and OpenBao is."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from dev.provision import Database
from libs.service.kms import KmsRefused, with_opened_keys
from libs.service.settings import Settings

TOKEN, PLAIN = "token-of-lead-routing", b"m" * 32
KEY = AESGCM(AESGCM.generate_key(256))


def wrapped(plain: bytes) -> str:
    """As the service's `encrypt` answers."""
    nonce = os.urandom(12)
    return "vault:v1:" + base64.b64encode(nonce + KEY.encrypt(nonce, base64.b64encode(plain), None)).decode()


class Transit(BaseHTTPRequestHandler):
    """`POST /v1/transit/decrypt/salesloom` of a service that keeps one key."""

    def do_POST(self) -> None:
        """Open what was wrapped with the key, for whoever has the token."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["X-Vault-Token"] != TOKEN:
            self._answer(403, {"errors": ["permission denied"]})
            return
        try:
            raw = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"))
            self._answer(200, {"data": {"plaintext": KEY.decrypt(raw[:12], raw[12:], None).decode()}})
        except (InvalidTag, ValueError):
            self._answer(400, {"errors": ["invalid ciphertext"]})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def transit() -> Iterator[str]:
    """Where it answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Transit)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/transit/decrypt/salesloom"
    finally:
        server.shutdown()
        server.server_close()


def settings(url: str, key: str, token: str = TOKEN, previous: str = "") -> Settings:
    """Of a laptop."""
    return Settings(
        service="lead-routing",
        environment="development",
        kms_url=url,
        kms_token=SecretStr(token),
        master_key=SecretStr(key),
        previous_master_key=SecretStr(previous),
    )


def test_both_master_keys_are_opened() -> None:
    """The plain keys are in this process only; settings hold what is worth nothing without the service."""
    with transit() as url:
        before = settings(url, wrapped(PLAIN), previous=wrapped(b"p" * 32))
        assert with_opened_keys(before).master_keys[:2] == (PLAIN, b"p" * 32)
    plain = settings("", PLAIN.hex())
    assert with_opened_keys(plain) is plain


@pytest.mark.parametrize(
    ("token", "key", "said"),
    [("another", None, "SALESLOOM_KMS_TOKEN"), (TOKEN, "vault:v1:AAAAAAAAAAAAAAAAAAAAAAAA", "SALESLOOM_MASTER_KEY")],
)
def test_what_is_not_opened_is_named(token: str, key: str | None, said: str) -> None:
    """By the setting to look at."""
    with transit() as url, pytest.raises(KmsRefused, match=said):
        with_opened_keys(settings(url, key or wrapped(PLAIN), token))


def test_a_service_that_does_not_answer_is_named() -> None:
    """Nothing starts without its keys."""
    with pytest.raises(KmsRefused, match="SALESLOOM_KMS_URL"):
        with_opened_keys(settings("http://127.0.0.1:9/v1/transit/decrypt/salesloom", wrapped(PLAIN)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"kms_ca": "/nowhere/ca.pem"}, "SALESLOOM_KMS_CA"), ({"kms_url": "http://[::1"}, "SALESLOOM_KMS_URL")],
)
def test_a_setting_that_leads_nowhere_is_named(changes: dict[str, str], said: str) -> None:
    """A file that is not there, an address that is none: no traceback at the start."""
    wrong = settings("https://127.0.0.1:9/v1/transit/decrypt/salesloom", wrapped(PLAIN)).model_copy(update=changes)
    with pytest.raises(KmsRefused, match=said):
        with_opened_keys(wrong)


def test_operators_wrap_keys_with_a_key_that_the_service_keeps(database: Callable[[str], Database]) -> None:
    """As they would: `keys status` finds the keys of people readable, and refuses without the token."""
    made = database("lead-routing")
    with transit() as url:
        environment = {
            **os.environ,
            "SALESLOOM_ENVIRONMENT": "development",
            "SALESLOOM_WORKER_URL": made.worker_url,
            "SALESLOOM_API_URL": made.api_url,
            "SALESLOOM_KMS_URL": url,
            "SALESLOOM_MASTER_KEY": wrapped(PLAIN),
        }
        command = [sys.executable, "-m", "services.lead_routing", "keys", "status"]
        told = subprocess.run(
            command, env={**environment, "SALESLOOM_KMS_TOKEN": TOKEN}, capture_output=True, text=True, check=False
        )
        assert (told.returncode, "0 destroyed" in told.stdout) == (0, True), told.stderr
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 78
    assert "SALESLOOM_KMS_TOKEN" in refused.stderr
    assert PLAIN.hex() not in told.stdout + told.stderr + refused.stderr

"""The signing keys of the issuer, as its discovery document leads to them; remembered, refreshed, never guessed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from libs.service.problems import Problem

FRESH_SECONDS = 600.0
STALE_SECONDS = 24 * 3600.0
UNKNOWN_KID_SECONDS = 30.0
FAILED_SECONDS = 2.0
TIMEOUT_SECONDS = 3.0
MAX_DOCUMENT_BYTES = 256 * 1024
MAX_KEYS = 50
_log = structlog.get_logger(__name__)


class IssuerKeys:
    """The keys of one issuer by their kid: fresh for 10 minutes, usable for 24 h while the issuer does not answer.

    `generation` counts the documents read, so that whoever remembers what an old key said can forget it.
    """

    def __init__(
        self, issuer: str, client: httpx2.AsyncClient | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.generation = 0
        self._issuer = issuer
        self._client = client or httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        self._now = now
        self._keys: dict[str, Key] = {}
        self._read_at = self._tried_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Key | None:
        """The key with this kid, None if the issuer has none; raises Problem(UNAVAILABLE) without usable keys."""
        age = self._now() - self._read_at
        if age > STALE_SECONDS:
            self._keys = {}
        if not self._keys:
            await self._refreshed(FAILED_SECONDS)
        elif kid not in self._keys:
            await self._refreshed(UNKNOWN_KID_SECONDS)
        elif age > FRESH_SECONDS:
            self._refresh(UNKNOWN_KID_SECONDS)
        if not self._keys:
            raise Problem("UNAVAILABLE", "the issuer's keys cannot be had just now", headers={"Retry-After": "2"})
        return self._keys.get(kid)

    async def close(self) -> None:
        """Stop refreshing and close the connection."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        await self._client.aclose()

    def _refresh(self, at_most_every: float) -> asyncio.Task[None] | None:
        """One refresh at a time, whoever asks; None if the last one was too short ago."""
        if self._refreshing is None or self._refreshing.done():
            if self._now() - self._tried_at < at_most_every:
                return None
            self._tried_at = self._now()
            self._refreshing = asyncio.create_task(self._read(), name="issuer-keys")
        return self._refreshing

    async def _refreshed(self, at_most_every: float) -> None:
        task = self._refresh(at_most_every)
        if task is not None:
            await asyncio.shield(task)

    async def _read(self) -> None:
        try:
            discovery = await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if discovery.get("issuer") != self._issuer:
                raise ValueError("the discovery document is of another issuer")
            document = await self._document(str(discovery["jwks_uri"]))
            usable = [key for key in document["keys"] if key.get("kty") in {"RSA", "EC", "OKP"} and key.get("kid")]
            keys = {str(key.kid): key for key in KeySet.import_key_set({"keys": usable[:MAX_KEYS]})}
        except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("the issuer's keys could not be read", error=type(error).__name__)
            return
        self._keys = keys
        self._read_at = self._now()
        self.generation += 1

    async def _document(self, url: str) -> dict[str, Any]:
        if self._issuer.startswith("https:") and not url.startswith("https:"):
            raise ValueError("an https issuer has https keys")
        response = await self._client.get(url)
        response.raise_for_status()
        if len(response.content) > MAX_DOCUMENT_BYTES:
            raise ValueError("the document is too large")
        document = orjson.loads(response.content)
        if not isinstance(document, dict):
            raise TypeError("the document is no object")
        return document

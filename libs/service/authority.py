"""Verifying access tokens with the keys that the configured issuer publishes, and with no others."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import orjson
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import Key

from libs.service.auth import MAX_TOKEN_BYTES, unauthenticated
from libs.service.issuer_keys import IssuerKeys

LEEWAY_SECONDS = 60
REMEMBERED_TOKENS = 2_000
REFUSED_HEADERS = ("crit", "jku", "x5u", "jwk", "x5c", "b64")
TYPES = frozenset({"at+jwt", "application/at+jwt"})
KEYS = {
    "RS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
REQUIRED_CLAIMS = ("iss", "aud", "exp", "iat", "sub", "tenant")


class _Signatures(jws.JWSRegistry):
    """The algorithms of `KEYS` and no others; `EdDSA` is the older name of `Ed25519` (RFC 9864)."""

    def get_alg(self, name: str) -> Any:
        """The algorithm of this name."""
        if name not in KEYS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms["Ed25519" if name == "EdDSA" else name]


_SIGNATURES = _Signatures(strict_check_header=False)


class TokenAuthority:
    """Accepts RFC 9068 access tokens of one issuer for one audience. Tokens are judged by real time."""

    def __init__(
        self,
        keys: IssuerKeys,
        issuer: str,
        audience: str,
        algorithms: tuple[str, ...],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._algorithms = algorithms
        self._now = now
        self._known: OrderedDict[bytes, dict[str, Any]] = OrderedDict()
        self._known_for = 0

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a valid token; raises Problem(UNAUTHENTICATED), Problem(UNAVAILABLE) if no keys can be had."""
        if self._known_for != self._keys.generation:
            self._known.clear()
            self._known_for = self._keys.generation
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        claims = self._known.get(digest)
        if claims is None:
            claims = await self._verified(token)
            self._known[digest] = claims
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
        self._check_times(claims)
        return claims

    async def close(self) -> None:
        """Close the connection to the issuer."""
        await self._keys.close()

    async def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_BYTES or not token.isascii() or token.count(".") != 2:
            _refuse("this is not an access token")
        header = _object(token.split(".", 1)[0])
        if any(name in header for name in REFUSED_HEADERS):
            _refuse("the token's header names a key or an extension of its own")
        if str(header.get("typ", "")).lower() not in TYPES:
            _refuse("this is not an access token (typ at+jwt)")
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._algorithms or not isinstance(kid, str):
            _refuse("the token's algorithm or key is not accepted")
        key = await self._keys.find(kid)
        if key is None or not _fits(key, algorithm):
            _refuse("the token's algorithm or key is not accepted")
        try:
            jws.deserialize_compact(token, key, registry=_SIGNATURES)
        except (JoseError, ValueError) as error:
            raise unauthenticated("the token's signature is not valid") from error
        claims = _object(token.split(".")[1])
        self._check_names(claims)
        return claims

    def _check_names(self, claims: Mapping[str, Any]) -> None:
        if missing := [name for name in REQUIRED_CLAIMS if claims.get(name) in (None, "")]:
            _refuse(f"the token lacks {', '.join(missing)}")
        audience = claims["aud"]
        if claims["iss"] != self._issuer:
            _refuse("the token is of another issuer")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            _refuse("the token is for another audience")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        if _instant(claims, "exp") + LEEWAY_SECONDS <= now:
            _refuse("the token has expired")
        if max(_instant(claims, "iat"), _instant(claims, "nbf", 0)) - LEEWAY_SECONDS > now:
            _refuse("the token is not valid yet")


def _object(part: str) -> dict[str, Any]:
    try:
        value = orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise unauthenticated("this is not an access token") from error
    if not isinstance(value, dict):
        _refuse("this is not an access token")
    return value


def _fits(key: Key, algorithm: str) -> bool:
    """True if the published key is one for this algorithm."""
    kind, curve = KEYS[algorithm]
    published = key.as_dict(private=False)
    return (
        published.get("kty") == kind
        and (curve is None or published.get("crv") == curve)
        and KEYS.get(str(published.get("alg", algorithm))) == KEYS[algorithm]
        and published.get("use", "sig") == "sig"
    )


def _instant(claims: Mapping[str, Any], name: str, default: float = math.nan) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        _refuse(f"the token's {name} is not a time")
    return value


def _refuse(why: str) -> NoReturn:
    raise unauthenticated(why)

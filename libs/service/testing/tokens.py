"""An issuer made for a test: it signs tokens, and publishes its key to whoever checks them."""

from __future__ import annotations

from typing import Any

import httpx2
from joserfc.jwk import ECKey

from libs.service.authority import TokenAuthority
from libs.service.issuer import ALGORITHM, DemoPerson, access_token
from libs.service.issuer_keys import IssuerKeys

ISSUER, AUDIENCE = "https://issuer.test", "salesloom"


def issuer_that_answers(keys: list[dict[str, Any]], asked: list[str] | None = None) -> httpx2.AsyncClient:
    """A client for which the issuer publishes these keys; `asked` collects the paths."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if asked is not None:
            asked.append(request.url.path)
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": keys})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    return httpx2.AsyncClient(transport=httpx2.MockTransport(answer))


def authority_of(key: ECKey) -> TokenAuthority:
    """Accepts what this key has signed; close it in the end."""
    keys = IssuerKeys(ISSUER, issuer_that_answers([key.as_dict(private=False)]))
    return TokenAuthority(keys, ISSUER, AUDIENCE, (ALGORITHM,))


def bearer(key: ECKey, person: DemoPerson) -> str:
    """The Authorization header of somebody."""
    return f"Bearer {access_token(key, ISSUER, AUDIENCE, person)}"

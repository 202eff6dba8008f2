"""Access tokens: who gets in, and what every forgery meets."""

from __future__ import annotations

import base64
import json
import time
import warnings
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from libs.service.app import create_app
from libs.service.auth import person_from
from libs.service.authority import TokenAuthority
from libs.service.issuer import access_token
from libs.service.issuer_keys import IssuerKeys
from libs.service.problems import Problem
from libs.service.service import Service
from libs.service.testing.tokens import AUDIENCE, ISSUER, issuer_that_answers
from libs.service.tests.conftest import REP, TENANT

ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")


def claims(**changed: Any) -> dict[str, Any]:
    """Good claims, but for what is changed; None takes one away."""
    now = int(time.time())
    good = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "rep-li", "tenant": TENANT, "roles": ["rep"],
        "iat": now, "exp": now + 600,
    }  # fmt: skip
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(key: Any, said: dict[str, Any], algorithm: str = "ES256", **header: Any) -> str:
    """A token of this key; a header of None is left out."""
    named = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid, **header}
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(
            {name: value for name, value in named.items() if value is not None},
            json.dumps(said),
            key,
            registry=registry,
        )


def authority(*keys: Any) -> TokenAuthority:
    """Accepts tokens of these keys."""
    published = [key.as_dict(private=False) for key in keys]
    return TokenAuthority(IssuerKeys(ISSUER, issuer_that_answers(published)), ISSUER, AUDIENCE, ALGORITHMS)


def part(value: dict[str, Any]) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def refusal(key: ECKey, token: str) -> str:
    """Why a token is refused."""
    with pytest.raises(Problem) as caught:
        await authority(key).claims(token)
    assert caught.value.code == "UNAUTHENTICATED"
    return caught.value.detail


async def test_a_good_token_names_the_person(key: ECKey) -> None:
    person = person_from(await authority(key).claims(access_token(key, ISSUER, AUDIENCE, REP)))
    assert (person.person_id, person.tenant, person.roles) == ("rep-li", TENANT, frozenset({"rep"}))


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("rsa", "RS256"), ("ec", "ES256"), ("okp", "EdDSA"), ("okp", "Ed25519")]
)
async def test_the_three_kinds_of_keys_are_taken(kind: str, algorithm: str) -> None:
    made: Any = {
        "rsa": lambda: RSAKey.generate_key(2048, {"kid": "k"}),
        "ec": lambda: ECKey.generate_key("P-256", {"kid": "k"}),
        "okp": lambda: OKPKey.generate_key("Ed25519", {"kid": "k"}),
    }[kind]()
    assert (await authority(made).claims(signed(made, claims(), algorithm)))["sub"] == "rep-li"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://elsewhere.test"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": ["another", "third"]}, "audience"),
        ({"exp": 1}, "expired"),
        ({"exp": int(time.time()) - 61}, "expired"),
        ({"iat": int(time.time()) + 3600}, "not valid yet"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
        ({"exp": "soon"}, "not a time"),
        ({"exp": True}, "not a time"),
        *(({name: None}, name) for name in ("iss", "aud", "exp", "iat", "sub", "tenant")),
    ],
)
async def test_wrong_claims_are_refused(key: ECKey, changed: dict[str, Any], why: str) -> None:
    assert why in await refusal(key, signed(key, claims(**changed)))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"kid": "unknown"},
        {"kid": None},
        {"crit": ["exp"]},
        {"jku": "https://evil.test/jwks"},
        {"x5u": "https://evil.test/cert"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"b64": True},
    ],
)
async def test_odd_headers_are_refused(key: ECKey, header: dict[str, Any]) -> None:
    # joserfc itself will not sign some of these, so that the signature is anything
    good = signed(key, claims()).split(".")
    named = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, **header}
    head = part({name: value for name, value in named.items() if value is not None})
    assert await refusal(key, f"{head}.{good[1]}.{good[2]}")


async def test_forgeries_are_refused(key: ECKey) -> None:
    good = signed(key, claims())
    head, said, signature = good.split(".")
    other = ECKey.generate_key("P-256", {"kid": key.kid})
    shared = OctKey.import_key(json.dumps(key.as_dict(private=False)).encode(), {"kid": key.kid})
    forged = [
        f"{head}.{part(claims(sub='manager-wu'))}.{signature}",
        f"{head}.{said}.",
        f"{head}.{said}.{signature[:-4]}AAAA",
        f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': key.kid})}.{said}.",
        f"{part({'alg': 'RS256', 'typ': 'at+jwt', 'kid': key.kid})}.{said}.{signature}",
        signed(other, claims()),
        signed(shared, claims(), "HS256"),
        "x" * 9_000,
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
    ]
    for token in forged:
        assert await refusal(key, token)


async def test_a_remembered_token_still_expires(key: ECKey) -> None:
    now = [time.time()]
    keys = IssuerKeys(ISSUER, issuer_that_answers([key.as_dict(private=False)]))
    judge = TokenAuthority(keys, ISSUER, AUDIENCE, ALGORITHMS, now=lambda: now[0])
    token = signed(key, claims())
    await judge.claims(token)
    now[0] += 700
    with pytest.raises(Problem, match="expired"):
        await judge.claims(token)


async def test_a_new_key_is_found_and_an_old_one_forgotten(key: ECKey) -> None:
    old, new = key, ECKey.generate_key("P-256", {"kid": "new"})
    published, asked, now = [old.as_dict(private=False)], list[str](), [1000.0]
    keys = IssuerKeys(ISSUER, issuer_that_answers(published, asked), now=lambda: now[0])
    judge = TokenAuthority(keys, ISSUER, AUDIENCE, ALGORITHMS)
    of_old, of_new = signed(old, claims()), signed(new, claims())
    await judge.claims(of_old)
    published[:] = [new.as_dict(private=False)]
    with pytest.raises(Problem):
        await judge.claims(of_new)  # the last look was not 30 s ago
    assert len(asked) == 2
    now[0] += 31
    assert await judge.claims(of_new)
    with pytest.raises(Problem):
        await judge.claims(of_old)


async def test_old_keys_serve_a_day_while_the_issuer_is_down(key: ECKey) -> None:
    up, now = [True], [1000.0]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if not up[0]:
            raise httpx2.ConnectError("down")
        if request.url.path == "/jwks":
            return httpx2.Response(200, json={"keys": [key.as_dict(private=False)]})
        return httpx2.Response(200, json={"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"})

    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    keys = IssuerKeys(ISSUER, client, now=lambda: now[0])
    assert await keys.find(str(key.kid))
    up[0] = False
    now[0] += 23 * 3600
    assert await keys.find(str(key.kid))
    now[0] += 2 * 3600
    with pytest.raises(Problem) as caught:
        await keys.find(str(key.kid))
    assert caught.value.code == "UNAVAILABLE"


async def test_no_token_and_a_bad_one_are_challenged(anybody: httpx2.AsyncClient) -> None:
    bare = await anybody.get("/v1/stones")
    bad = await anybody.get("/v1/stones", headers={"Authorization": "Bearer x.y.z"})
    assert (bare.status_code, bad.status_code) == (401, 401)
    assert bare.headers["www-authenticate"] == 'Bearer realm="salesloom"'
    assert 'error="invalid_token"' in bad.headers["www-authenticate"]


async def test_a_role_that_is_not_admitted_is_forbidden(rep: httpx2.AsyncClient) -> None:
    answer = await rep.get("/v1/weather?kind=fine")
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_PERMITTED")


async def test_a_token_without_known_roles_may_do_nothing(anybody: httpx2.AsyncClient, key: ECKey) -> None:
    token = signed(key, claims(roles=["root", 7]))
    answer = await anybody.get("/v1/stones", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_a_route_without_a_guard_stops_the_start() -> None:
    router = APIRouter()

    @router.get("/open", operation_id="open")
    async def everybody() -> str:
        return "hello"

    with pytest.raises(ValueError, match="GET /v1/open"):
        create_app(Service(name="kpi", title="Open", routers=(router,)))

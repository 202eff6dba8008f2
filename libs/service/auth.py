"""Who asks: the person an access token names, and which roles a route admits."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from libs.events.facts import TENANT_PATTERN, Actor
from libs.service.equipment import equipment
from libs.service.problems import Problem

ROLES = frozenset({"rep", "manager", "director", "process-owner", "integration", "operator", "auditor"})
MAX_TOKEN_BYTES = 8_192

_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:|@-]{0,119}")
_TENANT = re.compile(TENANT_PATTERN)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, as the token says. `expires` is the end of the token, in seconds since 1970."""

    person_id: str
    tenant: str
    roles: frozenset[str]
    expires: float = 0.0

    @property
    def actor(self) -> Actor:
        """As facts name them."""
        return Actor(kind="user", id=self.person_id)

    def has(self, *roles: str) -> bool:
        """True if the person has one of these roles."""
        return not self.roles.isdisjoint(roles)


class Authority(Protocol):
    """Verifies access tokens."""

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a valid token; raises Problem(UNAUTHENTICATED), or Problem(OVERLOADED) without any keys."""
        ...


async def authenticated(request: Request) -> Person:
    """The person whose access token came with the request; raises Problem(UNAUTHENTICATED)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("send an access token: Authorization: Bearer <token>", error="")
    if len(token) > MAX_TOKEN_BYTES:
        raise unauthenticated("the access token is too long")
    return person_from(await equipment(request).authority.claims(token.strip()))


def person_from(claims: dict[str, Any]) -> Person:
    """The person that verified claims name; roles we do not know are left out. Raises Problem(UNAUTHENTICATED)."""
    subject, tenant, roles = claims.get("sub"), claims.get("tenant"), claims.get("roles", [])
    if not isinstance(subject, str) or not _PERSON.fullmatch(subject):
        raise unauthenticated("the token names no person")
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        raise unauthenticated("the token names no tenant")
    if not isinstance(roles, list):
        raise unauthenticated("the token's roles are no list")
    known = frozenset(role for role in roles if isinstance(role, str)) & ROLES
    return Person(subject, tenant, known, float(claims.get("exp", 0)))


@dataclass(frozen=True, slots=True)
class Guard:
    """Admits people who have one of `roles`; 403 for everybody else."""

    roles: frozenset[str]

    async def __call__(self, who: Annotated[Person, Depends(authenticated)]) -> Person:
        """The person who asks; raises Problem(NOT_PERMITTED)."""
        if who.roles.isdisjoint(self.roles):
            raise Problem("NOT_PERMITTED", f"this needs one of the roles {', '.join(sorted(self.roles))}")
        return who


def allowed(*roles: str) -> Any:
    """The guard of a route: `who: Annotated[Person, allowed("rep", "manager")]`."""
    admitted = frozenset(roles)
    if not admitted or admitted - ROLES:
        raise ValueError(f"roles are {', '.join(sorted(ROLES))}; not {', '.join(sorted(admitted - ROLES)) or 'none'}")
    return Depends(Guard(admitted))


def unauthenticated(why: str, *, error: str = "invalid_token") -> Problem:
    """401 with the challenge of RFC 6750."""
    challenge = 'Bearer realm="salesloom"' + (f', error="{error}"' if error else "")
    return Problem("UNAUTHENTICATED", why, headers={"WWW-Authenticate": challenge})


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Every function that FastAPI calls for a route, its dependencies first."""
    for inner in dependant.dependencies:
        yield from calls_of(inner)
    if dependant.call is not None:
        yield dependant.call


def roles_of(dependant: Dependant) -> frozenset[str] | None:
    """The roles a route admits; None if it has no guard."""
    guards = [call.roles for call in calls_of(dependant) if isinstance(call, Guard)]
    return frozenset.intersection(*guards) if guards else None


def unguarded(app: FastAPI) -> list[str]:
    """The routes under `/v1` that admit everybody: `POST /v1/leads`. There must be none."""
    found = []
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if str(route.path).startswith("/v1") and (dependant is None or roles_of(dependant) is None):
            found += [f"{method} {route.path}" for method in sorted(route.methods or ())]
    return found


def threaded(app: FastAPI) -> list[str]:
    """What FastAPI would run on a thread of its own for every request, as `module.name`. There must be none.

    A change of threads costs more than all that our dependencies do.
    """
    calls = {
        call
        for route in iter_route_contexts(app.routes)
        if (dependant := getattr(route, "dependant", None)) is not None
        for call in calls_of(dependant)
    }
    return sorted(
        f"{call.__module__}.{getattr(call, '__qualname__', call)}"
        for call in calls
        if not any(map(inspect.iscoroutinefunction, (call, getattr(call, "__call__", None))))  # noqa: B004
    )

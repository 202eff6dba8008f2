"""`GET /v1/stream`: what changed, as server-sent events, behind the read models and under their row checks."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import asyncpg
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from libs.events.connections import ACQUIRE_SECONDS
from libs.events.reading import Reader
from libs.service.auth import ROLES, Person, allowed
from libs.service.equipment import Equipment, equipment
from libs.service.openapi_components import EVENTS
from libs.service.problems import PROBLEMS as problems  # noqa: N811
from libs.service.problems import Problem
from libs.service.service import Resource

POLL_SECONDS = 0.1
KEEP_ALIVE_SECONDS = 15.0
LONGEST_SECONDS = 600.0
RETRY_MILLISECONDS = 1_000
BATCH = 500
MAX_STREAMS = 1_000
NONCE_BYTES = 12

ANSWERS: dict[int | str, dict[str, Any]] = {
    **problems(400, 403, 503),
    200: {"description": EVENTS, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
}

router = APIRouter(tags=["stream"])


class Change(NamedTuple):
    """A stream of a followed resource has moved."""

    seq: int
    resource: str
    id: str
    version: int


@dataclass(slots=True)
class Following:
    """What one connection follows, and up to where it has told it."""

    about: Equipment
    who: Person
    resources: Mapping[str, Resource]
    position: int
    wanted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wanted = sorted({one.wanted for resource in self.resources.values() for one in resource.projections})

    async def changes(self) -> list[Change]:
        """The next changes this person may see, the last of each thing; moves the position."""
        folded = await self.folded()
        if folded <= self.position:
            return []
        async with self.about.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "select seq, stream, version from log.changes($1, $2, $3, $4)",
                self.who.tenant, self.position, folded, BATCH,
            )  # fmt: skip
        self.position = rows[-1]["seq"] if len(rows) == BATCH else folded
        found: dict[tuple[str, str], Change] = {}
        for row in rows:
            change = self._change(row["seq"], row["stream"], row["version"])
            if change is not None:
                found.pop((change.resource, change.id), None)
                found[change.resource, change.id] = change
        visible = await self._visible(list(found.values()))
        return [change for change in found.values() if (change.resource, change.id) in visible]

    async def folded(self) -> int:
        """The position that the read models behind all of it have reached; 0 while one of them has no build."""
        cursors = await self.about.cursors()
        return min(cursors.get(wanted, 0) for wanted in self.wanted)

    def _change(self, seq: int, stream: str, version: int) -> Change | None:
        name = stream.split("/", 1)[-1]
        fitting = [resource for resource in self.resources if name.startswith(f"{resource}-")]
        if not fitting:
            return None
        resource = max(fitting, key=len)
        return Change(seq, resource, name.removeprefix(f"{resource}-"), version)

    async def _visible(self, changes: Sequence[Change]) -> set[tuple[str, str]]:
        ids: dict[str, list[str]] = defaultdict(list)
        for change in changes:
            ids[change.resource].append(change.id)
        reader = Reader(self.about.pool, self.who.tenant, self.about.wake)
        seen: set[tuple[str, str]] = set()
        for resource, wanted in ids.items():
            seen |= {(resource, one) for one in await self.resources[resource].visible(reader, self.who, wanted)}
        return seen


@router.get("/stream", operation_id="followChanges", response_class=StreamingResponse, responses=ANSWERS)
async def follow(
    request: Request,
    who: Annotated[Person, allowed(*sorted(ROLES))],
    resource: Annotated[list[str], Query(description="What to follow, such as `lead`", max_length=20)],
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="The last event that arrived", max_length=500)
    ] = None,
) -> Response:
    """Follow changes: `event: change` with `{resource, id, version}`, `event: reset` when a gap must be read anew."""
    about = equipment(request)
    known = about.service.resources
    if unknown := sorted(set(resource) - set(known)):
        raise Problem("MALFORMED", f"resource: one of {', '.join(sorted(known))}", unknown=unknown)
    if about.streams >= MAX_STREAMS:
        raise Problem("OVERLOADED", "too many streams are open here", headers={"Retry-After": "5"})
    following = Following(about, who, {name: known[name] for name in resource}, (await about.log.head())[0])
    position = None if last_event_id is None else opened_position(_key(about), who.tenant, last_event_id)
    reset = last_event_id is not None and (position is None or position > following.position)
    if position is None or reset:
        position = await following.folded()
    following.position = position
    return StreamingResponse(
        _events(following, reset=reset),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(following: Following, *, reset: bool) -> AsyncIterator[bytes]:
    about, who = following.about, following.who
    ends = time.monotonic() + min(LONGEST_SECONDS, max(who.expires - time.time(), 1.0))
    quiet_since = time.monotonic()
    about.streams += 1
    try:
        yield _event(about, following, "reset" if reset else "ready", {})
        while not about.draining.is_set() and time.monotonic() < ends:
            try:
                changes = await following.changes()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                break
            for change in changes:
                data = {"resource": change.resource, "id": change.id, "version": change.version}
                yield _event(about, following, "change", data, change.seq)
            now = time.monotonic()
            if changes:
                quiet_since = now
            elif now - quiet_since > KEEP_ALIVE_SECONDS:
                quiet_since = now
                yield b": still here\n\n"
            if len(changes) < BATCH:
                await _pause(about.draining)
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    finally:
        about.streams -= 1


async def _pause(draining: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await draining.wait()
    except TimeoutError:
        return


def _event(
    about: Equipment, following: Following, name: str, data: Mapping[str, Any], position: int | None = None
) -> bytes:
    place = following.position if position is None else position
    identity = sealed_position(_key(about), following.who.tenant, place)
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), identity.encode(), orjson.dumps(data))


def sealed_position(key: bytes, tenant: str, position: int) -> str:
    """A position in the log that only this service can read, for one tenant: it says nothing about others' volume."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, position.to_bytes(8, "big"), tenant.encode())
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def opened_position(key: bytes, tenant: str, sealed: str) -> int | None:
    """The position, or None for one that this service has not sealed for this tenant."""
    try:
        raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        return int.from_bytes(AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], tenant.encode()), "big")
    except (InvalidTag, ValueError, binascii.Error):
        return None


def _key(about: Equipment) -> bytes:
    return about.settings.key("stream")

"""Running a command: look up, load, decide, append, and again while another command was faster."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

from libs.events import metrics
from libs.events.clock import Clock
from libs.events.deciding import C, Command, Decider, Given, States, StreamOf
from libs.events.errors import Conflict, IdempotencyMismatch, Rejected
from libs.events.facts import Actor, Channel, Dated, Fact, Meta, RuleRef
from libs.events.log import Append, Log, NewFact
from libs.events.reading import Reader

TRIES = 30
CACHED_STREAMS = 20_000
SKEW = timedelta(minutes=5)
BACKDATED = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants a command and under which id; `fingerprint` is a keyed hash of what was asked."""

    tenant: str
    actor: Actor
    command_id: UUID
    fingerprint: str = ""
    roles: frozenset[str] = frozenset()
    channel: Channel = "api"
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    if_match: int | None = None
    traceparent: str | None = None
    occurred_at: datetime | None = None
    reason: str | None = None

    def derive(self, what: str) -> str:
        """An id that is the same whenever this command is sent again."""
        return str(uuid5(self.command_id, what))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: its facts as (type, stream with owner, version, event id), streams as they are now.

    `main` is the first stream the command named, `identity` that stream's name without its prefix.
    """

    main: str
    identity: str
    facts: tuple[tuple[str, str, int, str], ...] = ()
    streams: Mapping[str, int] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False


@dataclass(slots=True)
class _Queue:
    """Commands of this process that wait for one stream."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


Provider = Callable[[Reader, Request, Command, datetime], Awaitable[Any]]
"""Looks up one consulted value for a command."""


class Runner:
    """Runs commands of one service. Commands of this process that name the same stream queue from load to commit."""

    def __init__(
        self,
        log: Log,
        clock: Clock,
        providers: Mapping[type, Provider] | None = None,
        reader: Callable[[str], Reader] | None = None,
    ) -> None:
        self.log = log
        self.clock = clock
        self.providers = dict(providers or {})
        self.reader = reader or (lambda tenant: Reader(log.pool, tenant, log.wake))
        self._cache: OrderedDict[tuple[str, str], tuple[int, Any]] = OrderedDict()
        self._queues: dict[tuple[str, str], _Queue] = {}

    async def run(
        self, decider: Decider[C], command: C, request: Request, ids: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run it to its end. `ids` are kept with the answer.

        Raises Rejected, NotFound, Conflict (with `if_match`, or after many tries), IdempotencyMismatch, Overloaded,
        Unavailable, Restoring. Raising any of these has appended nothing but the facts that a Rejected records.
        """
        for attempt in range(TRIES):
            now = self.clock.now()
            given = await self._given(decider, command, request, now)
            streams = _new(decider.streams(States(), command, given), States())
            while True:
                async with self._queued(request.tenant, sorted(stream.name for stream in streams)):
                    seen, stored = await self._load(request, streams)
                    if stored is not None:
                        return _stored(request, *stored)
                    more = _new(decider.streams(seen, command, given), seen)
                    if more:  # queue anew for all of them, in one order, so that no two commands wait for each other
                        streams += more
                        continue
                    self._check_match(request, streams, seen)
                    refusal, facts = _decide(decider, seen, command, given)
                    outcome = self._outcome(facts, seen, streams, request, given, refusal, dict(ids or {}))
                    if not facts and refusal is not None:
                        raise refusal
                    if not facts:
                        return outcome[0]
                    result = await self.log.append(outcome[1], now)
                break
            if result.status == "appended":
                if refusal is not None:
                    raise refusal
                return outcome[0]
            if result.status == "seen":
                return _stored(request, result.answer or {}, result.request_hmac or "")
            metrics.APPEND_CONFLICTS.inc()
            if request.if_match is not None:
                raise Conflict(_plain(result.stream), result.current)
            await asyncio.sleep(random.uniform(0, 0.002) * (attempt + 1))  # noqa: S311 - spreads retries, no secret
        raise Conflict(_plain(result.stream), result.current)

    async def dry_run(self, decider: Decider[C], command: C, request: Request) -> Sequence[Fact | Dated]:
        """The facts that would be appended; raises like `run`, appends nothing."""
        request = replace(request, command_id=uuid7())
        given = await self._given(decider, command, request, self.clock.now())
        streams: list[StreamOf[Any]] = []
        seen = States()
        while more := _new(decider.streams(seen, command, given), seen):
            streams += more
            seen, _ = await self._load(request, streams)
        self._check_match(request, streams, seen)
        return decider.decide(seen, command, given)

    async def _given(self, decider: Decider[Any], command: Command, request: Request, now: datetime) -> Given:
        reader = self.reader(request.tenant)
        consulted = {kind: await self.providers[kind](reader, request, command, now) for kind in decider.consults}
        return Given(now, request.tenant, request.actor, request.channel, consulted, str(request.command_id))

    async def _load(
        self, request: Request, streams: Sequence[StreamOf[Any]]
    ) -> tuple[States, tuple[Mapping[str, Any], str] | None]:
        known = {
            stream.name: self._cache.get((request.tenant, stream.name), (0, stream.kind.initial)) for stream in streams
        }
        owner = self.log.service
        loaded = await self.log.load(
            request.tenant, request.command_id, {f"{owner}/{name}": version for name, (version, _) in known.items()}
        )
        if loaded.answer is not None:
            return States(), (loaded.answer, loaded.request_hmac or "")
        states, versions = {}, {}
        for stream in streams:
            version, state = known[stream.name]
            head = loaded.heads[f"{owner}/{stream.name}"]
            if head < version:  # the database is another one than before
                self._cache.clear()
                return await self._load(request, streams)
            for one in loaded.facts[f"{owner}/{stream.name}"]:
                state = stream.kind.evolve(state, one.fact)
            states[stream.name], versions[stream.name] = state, head
            self._cache[request.tenant, stream.name] = (head, state)
            self._cache.move_to_end((request.tenant, stream.name))
        while len(self._cache) > CACHED_STREAMS:
            self._cache.popitem(last=False)
        return States(states, versions), None

    def _check_match(self, request: Request, streams: Sequence[StreamOf[Any]], seen: States) -> None:
        if request.if_match is not None and streams and seen.version(streams[0]) != request.if_match:
            raise Conflict(streams[0].name, seen.version(streams[0]))

    def _outcome(
        self,
        facts: Sequence[Fact | Dated],
        seen: States,
        streams: Sequence[StreamOf[Any]],
        request: Request,
        given: Given,
        refusal: Rejected | None,
        ids: Mapping[str, str],
    ) -> tuple[Outcome, Append]:
        owner = self.log.service
        loaded = {f"{owner}/{stream.name}": seen.version(stream) for stream in streams}
        heads = dict(loaded)
        new: list[NewFact] = []
        for one in facts:
            fact, occurred_at, reason = _dated(one, request, given.now)
            if fact.owner not in {None, owner}:
                raise ValueError(f"{fact.wire} belongs to {fact.owner}, not to {owner}")
            stream = f"{owner}/{fact.stream()}"
            if stream not in heads:
                raise ValueError(f"{fact.wire} goes to {stream}, which the decision did not load")
            heads[stream] += 1
            new.append(
                NewFact(
                    tenant=request.tenant,
                    stream=stream,
                    version=heads[stream],
                    event_id=uuid7(),
                    type=fact.wire,
                    data=fact.data(),
                    meta=_meta(request, fact, reason),
                    occurred_at=occurred_at,
                )
            )
        answer: dict[str, Any] = {
            "main": _main(owner, streams),
            "facts": [[fact.type, fact.stream, fact.version, str(fact.event_id)] for fact in new],
            "streams": heads,
            "ids": dict(ids),
        }
        if refusal is not None:
            answer["refused"] = {"code": refusal.code, "why": refusal.why, "details": refusal.details}
        append = Append(request.command_id, request.fingerprint, request.tenant, loaded, new, answer)
        return _outcome_from(answer, replayed=False), append

    @asynccontextmanager
    async def _queued(self, tenant: str, names: Sequence[str]) -> AsyncIterator[None]:
        """Hold the queues of these streams; `names` are sorted, so no two commands wait for each other."""
        async with AsyncExitStack() as stack:
            for name in names:
                await stack.enter_async_context(self._turn((tenant, name)))
            yield

    @asynccontextmanager
    async def _turn(self, key: tuple[str, str]) -> AsyncIterator[None]:
        queue = self._queues.setdefault(key, _Queue())
        queue.users += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.users -= 1
            if queue.users == 0:
                del self._queues[key]


def _main(owner: str, streams: Sequence[StreamOf[Any]]) -> list[str]:
    """The first stream and its identity; empty where a command, such as one about all that wait, found none."""
    if not streams:
        return ["", ""]
    name = streams[0].name
    return [f"{owner}/{name}", name.removeprefix(f"{streams[0].kind.prefix}-")]


def _new(streams: Sequence[StreamOf[Any]], seen: States) -> list[StreamOf[Any]]:
    return list({stream.name: stream for stream in streams if stream not in seen}.values())


def _decide(
    decider: Decider[C], seen: States, command: C, given: Given
) -> tuple[Rejected | None, Sequence[Fact | Dated]]:
    try:
        return None, decider.decide(seen, command, given)
    except Rejected as refusal:
        return refusal, refusal.record


def _dated(one: Fact | Dated, request: Request, now: datetime) -> tuple[Fact, datetime, str | None]:
    fact, occurred_at, reason = (
        (one.fact, one.occurred_at, one.reason)
        if isinstance(one, Dated)
        else (one, request.occurred_at or now, request.reason)
    )
    if occurred_at > now + SKEW:
        raise Rejected("VALIDATION", "this lies in the future: occurred_at may be at most 5 minutes ahead")
    if now - occurred_at > BACKDATED and not reason:
        raise Rejected("VALIDATION", "this lies more than 15 minutes back: give a reason for recording it late")
    return fact, occurred_at, reason


def _meta(request: Request, fact: Fact, reason: str | None) -> Mapping[str, Any]:
    refs: Sequence[RuleRef] = getattr(fact, "rule_refs", ()) or ()
    return Meta(
        actor=request.actor,
        channel=request.channel,
        command_id=request.command_id,
        causation_id=request.causation_id,
        correlation_id=request.correlation_id or request.command_id,
        rule_refs=tuple(refs),
        calendar_version=getattr(fact, "calendar_version", None),
        reason=reason,
        traceparent=request.traceparent,
    ).model_dump(mode="json", exclude_none=True)


def _outcome_from(answer: Mapping[str, Any], *, replayed: bool) -> Outcome:
    facts = tuple((kind, stream, version, event) for kind, stream, version, event in answer["facts"])
    main, identity = answer["main"]
    return Outcome(main, identity, facts, answer["streams"], answer["ids"], replayed)


def _stored(request: Request, answer: Mapping[str, Any], fingerprint: str) -> Outcome:
    if fingerprint and fingerprint != request.fingerprint:  # none is known of a command taken back from Kafka
        raise IdempotencyMismatch("this idempotency key was used for another request")
    if refused := answer.get("refused"):
        raise Rejected(refused["code"], refused["why"], **refused["details"])
    return _outcome_from(answer, replayed=True)


def _plain(stream: str | None) -> str:
    return (stream or "").split("/", 1)[-1]

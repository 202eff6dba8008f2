"""Running a command for a request: its id, what must match, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid5

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from libs.events.deciding import C, Command, Decider
from libs.events.errors import Rejected
from libs.events.facts import Channel, Dated, Fact
from libs.events.reading import Reader
from libs.events.running import Outcome
from libs.events.running import Request as CommandRequest
from libs.service import tokens
from libs.service.asking import command_request, fingerprint, is_dry_run
from libs.service.auth import Person, authenticated
from libs.service.equipment import Equipment, equipment
from libs.service.reading import reader_for

if TYPE_CHECKING:
    from libs.service.objects import Objects


class AppendedFact(BaseModel):
    """A fact that was appended: its type, stream (with its owner), version and id."""

    model_config = ConfigDict(frozen=True)

    type: str
    stream: str
    version: int
    event_id: str


class Accepted(BaseModel):
    """What became of a command; no facts if nothing new happened. `version` is what `If-Match` compares with."""

    model_config = ConfigDict(frozen=True)

    id: str
    version: int
    facts: list[AppendedFact]
    streams: dict[str, int]


class Foreseen(BaseModel):
    """The answer to `?dry_run=true`: the facts that would be appended, and the rules that say no."""

    model_config = ConfigDict(frozen=True)

    facts: list[dict[str, Any]]
    violations: list[dict[str, Any]]


@dataclass(slots=True)
class Running:
    """Runs the command of one request: `await run(CLAIM, ClaimLead(…))` is the route's answer."""

    http: Request
    person: Person
    equipment: Equipment
    request: CommandRequest
    reader: Reader

    @property
    def objects(self) -> Objects:
        """The files of the person's tenant."""
        return self.equipment.objects.of(self.person.tenant)

    def derive(self, what: str) -> str:
        """An id that is the same whenever the same `Idempotency-Key` is sent again."""
        return self.request.derive(what)

    async def __call__(
        self,
        decider: Decider[C],
        command: C,
        id: str | None = None,  # noqa: A002 - the member of the answer
        location: str | None = None,
        channel: Channel | None = None,
        step: str = "",
    ) -> Response:
        """Run it and answer `Accepted`, or with `?dry_run=true` `Foreseen`.

        `id` is what the answer names (otherwise the identity of the command's main stream), `location` goes into the
        header. A route that runs several commands gives each but the first a `step`. Raises what the runner raises.
        """
        request = replace(self.request, fingerprint=await fingerprint(self.http, self.equipment.settings))
        if channel is not None:
            request = replace(request, channel=channel)
        if step:
            request = replace(request, command_id=uuid5(request.command_id, step), if_match=None)
        if decider.consults:  # what it looks up must have folded what the caller has seen
            await self.reader.wait([projection.wanted for projection in self.equipment.service.projections])
        if is_dry_run(self.http):
            return await self._foreseen(decider, command, request)
        outcome = await self.equipment.runner.run(decider, command, request)
        return self._answer(outcome, id, location)

    async def _foreseen(self, decider: Decider[Any], command: Command, request: CommandRequest) -> Response:
        violations: list[dict[str, Any]] = []
        try:
            facts = await self.equipment.runner.dry_run(decider, command, request)
        except Rejected as refusal:
            facts = refusal.record
            violations.append({**refusal.details, "code": refusal.code, "detail": refusal.why})
        owner = self.equipment.service.name
        return JSONResponse({"facts": [_foreseen(one, owner) for one in facts], "violations": violations})

    def _answer(self, outcome: Outcome, identity: str | None, location: str | None) -> Response:
        version = outcome.streams.get(outcome.main, 0)
        body = Accepted(
            id=identity or outcome.identity,
            version=version,
            facts=[
                AppendedFact(type=kind, stream=stream, version=number, event_id=event)
                for kind, stream, number, event in outcome.facts
            ],
            streams=dict(sorted(outcome.streams.items())),
        )
        headers = {"ETag": f'"{version}"', tokens.HEADER: tokens.written(outcome.streams)}
        if location:
            headers["Location"] = location
        if outcome.replayed:
            headers["Idempotency-Replayed"] = "true"
        status = getattr(self.http.scope.get("route"), "status_code", None) or 200
        return Response(body.model_dump_json(), status, {**headers, "Cache-Control": "no-store"}, "application/json")


async def running(
    request: Request,
    who: Annotated[Person, Depends(authenticated)],
    reader: Annotated[Reader, Depends(reader_for)],
) -> Running:
    """Everything that runs a command for this request; raises Problem for headers that are missing or wrong."""
    return Running(request, who, equipment(request), command_request(request, who), reader)


Run = Annotated[Running, Depends(running)]


def _foreseen(one: Fact | Dated, owner: str) -> Mapping[str, Any]:
    fact = one.fact if isinstance(one, Dated) else one
    return {"type": fact.wire, "stream": f"{owner}/{fact.stream()}", "data": fact.data()}

"""The throw-away service of these tests: stones are thrown into a pond, counted, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, UploadFile
from starlette.responses import Response

from libs.events.contracts.lead_routing import LeadClaimed, LeadPooled
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.errors import Conflict, NotFound, NotYetVisible, Rejected
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Group, Projection, Table
from libs.events.reading import Reader
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, allowed, problems, versioned
from libs.service.service import Resource, Service

problems.register("STONE_TAKEN", 409, "The stone is taken", zh="石头已被取走")
problems.register("TOO_MANY_STONES", 429, "Enough for today", zh="今日已达上限")


@dataclass(frozen=True, slots=True)
class Stone:
    """What decisions need of a stone."""

    pool_id: str | None = None
    taken_by: str | None = None


def evolve(state: Stone, fact: Fact) -> Stone:
    """A stone lies in a pool until somebody takes it."""
    match fact:
        case LeadPooled():
            return replace(state, pool_id=fact.pool_id, taken_by=None)
        case LeadClaimed():
            return replace(state, pool_id=None, taken_by=fact.rep_id)
        case _:
            return state


STONE = StreamKind("lead", Stone(), evolve)


class Throw(Command):
    """Throw a stone into a pool."""

    lead_id: Id
    pool_id: Id


class Take(Command):
    """Take a stone out."""

    lead_id: Id
    rep_id: Id


def streams(states: States, command: Throw | Take, given: Given) -> Sequence[StreamOf[Stone]]:
    """The stone."""
    return [STONE.of(command.lead_id)]


def decide_throw(states: States, command: Throw, given: Given) -> list[Fact]:
    """A stone that lies there already stays."""
    if states[STONE.of(command.lead_id)].pool_id == command.pool_id:
        return []
    return [LeadPooled(lead_id=command.lead_id, pool_id=command.pool_id, cause="thrown", pooled_at=given.now)]


def decide_take(states: States, command: Take, given: Given) -> list[Fact]:
    """One taker wins."""
    match states[STONE.of(command.lead_id)]:
        case Stone(taken_by=taker) if taker == command.rep_id:
            return []
        case Stone(pool_id=None, taken_by=None):
            raise NotFound("stone", command.lead_id)
        case Stone(pool_id=None):
            raise Rejected("STONE_TAKEN", "somebody else has it")
        case Stone(pool_id="deep"):
            raise Rejected("TOO_MANY_STONES", "enough", resets_at=given.now.replace(hour=16).isoformat())
        case Stone(pool_id=pool_id):
            return [
                LeadClaimed(
                    lead_id=command.lead_id,
                    pool_id=pool_id or "",
                    rep_id=command.rep_id,
                    claimed_at=given.now,
                    quota_after=0,
                )
            ]


THROW = Decider("throw-stone", streams, decide_throw)
TAKE = Decider("take-stone", streams, decide_take)


@dataclass(frozen=True, slots=True)
class StoneRow:
    """A stone as lists show it."""

    lead_id: str
    pool_id: str
    since: datetime
    version: int


def keys(fact: LeadPooled | LeadClaimed) -> list[str]:
    """By stone."""
    return [fact.lead_id]


def fold(group: Group, recorded: Recorded[LeadPooled | LeadClaimed]) -> Sequence[StoneRow]:
    """A row while it lies there."""
    match recorded.fact:
        case LeadPooled(lead_id=lead_id, pool_id=pool_id):
            return [StoneRow(lead_id, pool_id, recorded.occurred_at, recorded.version)]
        case _:
            return []


STONES = Projection("stones", 1, (LeadPooled, LeadClaimed), (Table("stones", StoneRow, ("lead_id",)),), keys, fold)


class StoneBody(Body):
    """What a new stone needs."""

    pool_id: Line
    weight: float | None = None
    tags: dict[str, str] | None = None


class StoneView(Body):
    """A stone."""

    lead_id: str
    pool_id: str
    since: datetime


router = APIRouter(tags=["stones"])
Rep = Annotated[Person, allowed("rep", "manager")]


@router.post("/stones", operation_id="throwStone", status_code=201, response_model=Accepted, responses=problems(409))
async def throw(who: Rep, run: Run, body: StoneBody) -> Response:
    """Throw a stone."""
    lead_id = run.derive("stone")
    return await run(THROW, Throw(lead_id=lead_id, pool_id=body.pool_id), lead_id, f"/v1/stones/{lead_id}")


@router.post("/stones/{lead_id}/take", operation_id="takeStone", response_model=Accepted, responses=problems(404, 429))
async def take(lead_id: Annotated[str, Path(max_length=80)], who: Rep, run: Run) -> Response:
    """Take a stone."""
    return await run(TAKE, Take(lead_id=lead_id, rep_id=who.person_id))


@router.post("/stones/pictures", operation_id="uploadPicture", max_body_size=3 << 20, response_model=Accepted)
async def upload(who: Rep, run: Run, picture: UploadFile) -> Response:
    """Keep a picture."""
    await run.objects.put(run.derive("picture"), await picture.read())
    return await run(THROW, Throw(lead_id=run.derive("picture"), pool_id="pictures"))


@router.get("/stones", operation_id="listStones", responses=problems(400))
async def list_stones(who: Rep, read: Read, page: PageQuery, pool_id: str | None = None) -> Page[StoneView]:
    """Stones that lie somewhere, by id."""
    after = page.after[0] if page.after else ""
    rows = await read(STONES).fetch(
        "select lead_id, pool_id, since from stones where tenant = $1 and lead_id > $2"
        " and ($3::text is null or pool_id = $3) order by lead_id limit $4",
        after,
        pool_id,
        page.limit + 1,
    )
    items = [StoneView(**row) for row in rows[: page.limit]]
    return page.page(items, last=(items[-1].lead_id,) if items else (), more=len(rows) > page.limit)


@router.get("/stones/{lead_id}", operation_id="showStone", response_model=StoneView, responses=problems(404))
async def show_stone(lead_id: str, who: Rep, read: Read) -> Response:
    """One stone."""
    row = await read(STONES).one("select * from stones where tenant = $1 and lead_id = $2", lead_id)
    if row is None:
        raise NotFound("stone", lead_id)
    return versioned(StoneView(lead_id=lead_id, pool_id=row["pool_id"], since=row["since"]), row["version"])


@router.get("/weather", operation_id="showWeather")
async def weather(who: Annotated[Person, allowed("manager")], kind: str) -> dict[str, str]:
    """Whatever can go wrong."""
    match kind:
        case "conflict":
            raise Conflict("lead-1", 4)
        case "late":
            raise NotYetVisible(["stones"])
        case _:
            raise RuntimeError("the secret is swordfish")


async def visible(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Stones of the pool `hidden` are nobody's business."""
    rows = await read(STONES).fetch(
        "select lead_id from stones where tenant = $1 and lead_id = any($2) and pool_id <> 'hidden'", list(ids)
    )
    return {row["lead_id"] for row in rows}


POND = Service(
    name="lead-routing",
    title="Pond",
    listens=("kpi",),
    routers=(router,),
    projections=(STONES,),
    resources={"lead": Resource((STONES,), visible)},
)

"""What routing consults: everybody who works here, their loads, who knows the company, and leads on hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from libs.events.deciding import Command
from libs.events.errors import NotFound, NotYetVisible
from libs.events.reading import Reader
from libs.events.running import Request
from libs.rules.reference import REFERENCE
from services.lead_routing.followup.projections import COMPANY_CONTACTS
from services.lead_routing.leads.company import company_key
from services.lead_routing.leads.projections import LEAD_BOARD
from services.lead_routing.organisation.projections import REP_JSON, ROUTING_CANDIDATES
from services.lead_routing.routing.candidates import Candidates, Held
from services.lead_routing.routing.domain import Cause, RetryHeld, RouteLead
from services.lead_routing.workload.projections import WORKLOADS, workload_of

HELD_AT_ONCE = 5
LOOKED_AT = (ROUTING_CANDIDATES, WORKLOADS, LEAD_BOARD, COMPANY_CONTACTS, REFERENCE)


async def candidates(reader: Reader, request: Request, command: Command, now: datetime) -> Candidates:
    """The provider of `given[Candidates]`; raises NotFound while a read model has not been told the cause."""
    reader = await _having_seen(reader, getattr(command, "cause", None))
    held = await _held(reader) if isinstance(command, RetryHeld) else ()
    if isinstance(command, RetryHeld) and not held:
        return Candidates({})
    companies = {one.company for one in held}
    if isinstance(command, RouteLead) and (company := command.company or await _company(reader, command.lead_id)):
        companies.add(company)
    people = await reader(ROUTING_CANDIDATES, WORKLOADS).fetch(
        "select c.rep_id, c.rep, w.items, w.day, w.new from routing_candidates c"
        " left join rep_workloads w on w.tenant = $1 and w.rep_id = c.rep_id where c.tenant = $1 and c.active"
    )
    return Candidates(
        {rep_id: REP_JSON.validate_python(rep) for rep_id, rep, *_ in people},
        {rep_id: workload_of(items, day, new) for rep_id, _, items, day, new in people if items is not None},
        await _who_knows(reader, companies),
        held,
    )


async def _having_seen(reader: Reader, cause: Cause | None) -> Reader:
    """The reader once all that routing looks at includes the fact that led to it."""
    if cause is None:
        return reader
    owner = cause.stream.split("/", 1)[0]
    waiting = replace(reader, seen={cause.stream: cause.version}, listens=frozenset({owner}))
    try:
        await waiting.wait([projection.wanted for projection in LOOKED_AT])
    except NotYetVisible as not_yet:
        raise NotFound("what happened before") from not_yet
    return reader


async def _held(reader: Reader) -> tuple[Held, ...]:
    """The leads on hold that come first: better tiers, then those that wait longest."""
    rows = await reader(LEAD_BOARD).fetch(
        "select lead_id, company from leads"
        " where tenant = $1 and held_until is not null and held_reason <> 'ENRICHMENT'"
        " order by tier nulls last, held_at, lead_id limit $2",
        HELD_AT_ONCE,
    )
    return tuple(Held(lead_id, company) for lead_id, company in rows)


async def _company(reader: Reader, lead_id: str) -> str | None:
    company: str | None = await reader(LEAD_BOARD).value(
        "select company from leads where tenant = $1 and lead_id = $2", lead_id
    )
    return company


async def _who_knows(reader: Reader, companies: set[str]) -> dict[str, frozenset[str]]:
    rows = await reader(COMPANY_CONTACTS).fetch(
        "select company_key, reps from company_contacts where tenant = $1 and company_key = any($2::text[])",
        sorted(company_key(company) for company in companies),
    )
    found: dict[str, frozenset[str]] = {}
    for key, reps in rows:
        found[key] = found.get(key, frozenset()) | frozenset(reps)
    return found

"""What is wrong with a service's database, seen from its log, and what to do about each finding."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from libs.events import operating
from libs.events.broker import Broker
from libs.events.builds import Builds
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.making import LONG_SECONDS
from libs.events.projecting import Projection
from libs.events.wire import Topics

OLD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: which check, what it found, what to do about it."""

    check: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    service: str
    listens: Sequence[str]
    projections: Sequence[Projection]
    pool: asyncpg.Pool
    broker: Broker
    topics: Topics
    now: datetime


Check = Callable[[Patient], Awaitable[list[Finding]]]


async def _value(patient: Patient, sql: str, *values: object) -> object:
    async with patient.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        return await connection.fetchval(sql, *values, timeout=LONG_SECONDS)


async def _rows(patient: Patient, sql: str, *values: object) -> list[asyncpg.Record]:
    async with patient.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        rows: list[asyncpg.Record] = await connection.fetch(sql, *values, timeout=LONG_SECONDS)
    return rows


RESTORE = "the log was written by hand or its storage is broken: restore the database (docs/operations.md#restoring)"


async def gapless(patient: Patient) -> list[Finding]:
    """`seq` and `own_seq` are 1, 2, 3, … without a gap."""
    found = []
    for column in ("seq", "own_seq"):
        row = (
            await _rows(patient, f"select count({column}) as n, coalesce(max({column}), 0) as last from log.events")
        )[0]
        if row["n"] != row["last"]:
            found.append(Finding("gapless", f"{column} goes to {row['last']}, but there are {row['n']} facts", RESTORE))
    return found


async def whole_streams(patient: Patient) -> list[Finding]:
    """Every stream has the versions 1 to its head, and a head."""
    rows = await _rows(
        patient,
        "select coalesce(e.tenant, s.tenant) as tenant, coalesce(e.stream, s.stream) as stream, e.n, e.last, s.version"
        " from (select tenant, stream, count(*) as n, max(version) as last from log.events group by tenant, stream) e"
        " full join log.streams s using (tenant, stream)"
        " where e.n is distinct from e.last or e.last is distinct from s.version limit 20",
    )
    return [
        Finding(
            "streams",
            f"{row['stream']} of {row['tenant']}: {row['n'] or 0} facts, the last is version {row['last']},"
            f" its head {row['version']}",
            RESTORE,
        )
        for row in rows
    ]


async def answered(patient: Patient) -> list[Finding]:
    """Every command that appended own facts has a stored answer."""
    missing = await _value(
        patient,
        "select count(distinct e.meta ->> 'command_id') from log.events e where e.own_seq is not null"
        " and e.meta ? 'command_id'"
        " and not exists (select from log.commands c where c.command_id = (e.meta ->> 'command_id')::uuid)",
    )
    remedy = "sent again, these commands would be decided again: restore the database from its backup"
    return [Finding("commands", f"{missing} commands have facts but no stored answer", remedy)] if missing else []


async def verdict(patient: Patient) -> list[Finding]:
    """This is the database that was compared with the broker, and they fitted."""
    row = (
        await _rows(
            patient,
            "select v.verdict, v.detail,"
            " v.system_identifier = s.system_identifier and v.timeline_id = c.timeline_id as same"
            " from log.verdict v, pg_control_system() s, pg_control_checkpoint() c",
        )
    )[0]
    if row["verdict"] == "forked":
        return [Finding("verdict", f"forked: {row['detail']}", "see docs/operations.md#forked")]
    if row["verdict"] != "ok":
        remedy = "stop the workers, run `restore --from kafka`, start them again (docs/operations.md#restoring)"
        if "not compared" in row["detail"]:
            remedy = "start a worker with the broker up; it compares them within seconds"
        return [Finding("verdict", f"{row['verdict']}: {row['detail']}; commands are refused", remedy)]
    if not row["same"]:
        remedy = "start a worker with the broker up; it compares them again"
        return [Finding("verdict", "this is another server, or timeline, than the one that was compared", remedy)]
    return []


async def readers(patient: Patient) -> list[Finding]:
    """Every read model has a serving build; nobody holds a part of the work that stands still.

    Versions of read models that this code does not know are other code's, or nobody's any more after a roll-out.
    """
    found = []
    for projection in patient.projections:
        builds = await Builds(patient.pool, projection).all()
        if not any(build.state == "serving" for build in builds):
            found.append(Finding("read models", f"no build of {projection.wanted} serves", "start a worker"))
    idle = await _rows(
        patient,
        "select role from log.leases where expires_at <= clock_timestamp()"
        " and (role !~ '^fold:' or role = any($1)) order by role",
        [f"fold:{projection.wanted}" for projection in patient.projections],
    )
    held = await _value(patient, "select count(*) from log.leases where expires_at > clock_timestamp()")
    if not held:
        found.append(Finding("leases", "no worker runs", f"start one: python -m services.{_module(patient)} worker"))
    elif idle:
        names = ", ".join(row["role"] for row in idle)
        found.append(Finding("leases", f"nobody does: {names}", "does the running worker know these roles?"))
    return found


async def parked(patient: Patient) -> list[Finding]:
    """No key waits for an operator."""
    keys = [key for key in await operating.parked(patient.pool) if not key.waits]
    return [
        Finding(
            "parked",
            f"{key.consumer}, tenant {key.tenant}, key {key.key}: {key.facts} facts since {key.since:%Y-%m-%d %H:%M}",
            f"`parked show {key.consumer} {key.tenant} {key.key}`, then retry or skip (docs/operations.md#parked)",
        )
        for key in keys[:20]
    ]


async def effects(patient: Patient) -> list[Finding]:
    """Nothing outside waits for an operator."""
    rows = await _rows(
        patient, "select kind, state, count(*) as n from log.effects where state in ('held', 'failed') group by 1, 2"
    )
    remedies = {
        "held": "they may have gone out before the restore: `effects list`, then `effects send` or `effects drop`",
        "failed": "put the other side right, then `effects send`; or `effects drop`",
    }
    return [Finding("effects", f"{row['n']} {row['kind']} {row['state']}", remedies[row["state"]]) for row in rows]


async def complete(patient: Patient) -> list[Finding]:
    """The facts of every source are known up to a moment ago, and no partition stands still."""
    found = []
    marks = {row["source"]: row["t"] for row in await _rows(patient, "select source, t from log.watermarks")}
    for source in patient.listens:
        if source not in marks:
            found.append(Finding("sources", f"{source} has never been complete", f"does the worker of {source} run?"))
        elif (behind := patient.now - marks[source]) > OLD:
            text = f"{source} is complete up to {marks[source]:%Y-%m-%d %H:%M:%S}, {behind} ago"
            found.append(Finding("sources", text, f"do the worker of {source}, the broker and our ingest run?"))
    rows = await _rows(patient, "select source, partition, state, detail from log.ingested where state <> 'ok'")
    remedies = {
        "gap": "run `republish` in the service that sends (docs/operations.md#gap)",
        "forked": "see docs/operations.md#forked",
    }
    return found + [
        Finding("ingest", f"{row['source']}/{row['partition']} {row['state']}: {row['detail']}", remedies[row["state"]])
        for row in rows
    ]


async def parity(patient: Patient) -> list[Finding]:
    """Every read model is what the log says."""
    found = []
    for projection in patient.projections:
        if await Builds(patient.pool, projection).serving() is None:
            continue
        comparison = await Builds(patient.pool, projection).verify()
        if not comparison.equal:
            keys = ", ".join(f"{table} {tenant} {key}" for table, tenant, key in comparison.differing[:5])
            remedy = f"`projections rebuild {projection.name} --repair`; and tell the developers which keys differed"
            found.append(Finding("parity", f"{projection.wanted} is not what the log says: {keys}", remedy))
    return found


QUICK: tuple[Check, ...] = (verdict, readers, parked, effects, complete)
THOROUGH: tuple[Check, ...] = (gapless, whole_streams, answered, parity)


def _module(patient: Patient) -> str:
    return patient.service.replace("-", "_")

"""The operators' commands for keys of subjects: how many there are, and wrapping them with another master key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg
import typer
from rich.progress import Progress

from libs.service.command_lines import EXIT_DIFFERENT, Configured, console, run
from libs.service.sealing import SealBroken, Vault
from libs.service.settings import Settings

BATCH = 500


def keys_line(configured: Configured) -> typer.Typer:
    """`status` and `rotate`."""
    line = typer.Typer(help="Keys that seal what is personal, one for each person.", no_args_is_help=True)

    @line.command()
    def status() -> None:
        """How many keys there are, how many wait to be wrapped with the present master key, how many were destroyed."""
        settings = configured()

        async def work(pool: asyncpg.Pool) -> tuple[int, int, int, int]:
            present = older = broken = 0
            async for rows in _batches(pool):
                for row in rows:
                    try:
                        waits = _vault(settings, row["tenant"]).rewrapped(row["subject"], row["key"]) is not None
                        older, present = older + waits, present + (not waits)
                    except SealBroken:
                        broken += 1
            return present, older, broken, await pool.fetchval("select count(*) from log.subject_keys where key = ''")

        present, older, broken, destroyed = run(configured, work)
        console.print(f"{present:,} wrapped with the present master key, {older:,} with an older one: `keys rotate`")
        console.print(f"{destroyed:,} destroyed, {broken:,} that no master key opens")
        if broken:
            raise typer.Exit(EXIT_DIFFERENT)

    @line.command()
    def rotate() -> None:
        """Wrap every key with the present master key; harmless when repeated, goes on after a kill. Readers go on."""
        settings = configured()

        async def work(pool: asyncpg.Pool) -> int:
            total = await pool.fetchval("select count(*) from log.subject_keys where key <> ''")
            done = 0
            async for rows in _batches(pool):
                done += await _rewrap(pool, settings, rows)
                progress.update(task, advance=len(rows), total=total)
            return done

        try:
            with Progress(console=console) as progress:
                task = progress.add_task("keys", total=None)
                done = run(configured, work)
            console.print(f"{done:,} keys are wrapped with the present master key now")
        except SealBroken as broken:
            console.print(f"[red]{broken}: set SALESLOOM_PREVIOUS_MASTER_KEY to the one that was used before[/]")
            raise typer.Exit(EXIT_DIFFERENT) from None

    return line


def _vault(settings: Settings, tenant: str) -> Vault:
    return Vault(tenant, settings.key("wrapping"), settings.master_keys)


async def _batches(pool: asyncpg.Pool) -> AsyncIterator[Sequence[asyncpg.Record]]:
    tenant = subject = ""
    while rows := await pool.fetch(
        "select tenant, subject, key from log.subject_keys where key <> '' and (tenant, subject) > ($1, $2)"
        " order by tenant, subject limit $3",
        tenant,
        subject,
        BATCH,
    ):
        yield rows
        tenant, subject = rows[-1]["tenant"], rows[-1]["subject"]


async def _rewrap(pool: asyncpg.Pool, settings: Settings, rows: Sequence[asyncpg.Record]) -> int:
    new = [_vault(settings, row["tenant"]).rewrapped(row["subject"], row["key"]) for row in rows]
    waiting = [(row, key) for row, key in zip(rows, new, strict=True) if key is not None]
    done: int = await pool.fetchval(
        "select log.rewrap($1, $2, $3, $4)",
        [row["tenant"] for row, _ in waiting],
        [row["subject"] for row, _ in waiting],
        [row["key"] for row, _ in waiting],
        [key for _, key in waiting],
    )
    return done

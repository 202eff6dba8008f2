"""`python -m tests.integration.faults`: many seeds, each on servers of its own; ends with 1 if anything was found."""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dev.servers import throw_away
from tests.databases import databases
from tests.integration.faults.faults import AWAY
from tests.integration.faults.planted import PLANTED, ground_of
from tests.integration.faults.rig import rigged
from tests.integration.faults.running import Run, run, schedule

KEPT = Path(".data/faults")
console = Console()


def main(
    seeds: Annotated[int, typer.Option(help="how many", min=1)] = 20,
    first: Annotated[int, typer.Option(help="the first seed; a failing one is named, so that it can be run again")] = 1,
    faults: Annotated[int, typer.Option(help="how many faults a seed has", min=1)] = 5,
    only: Annotated[list[str] | None, typer.Option(help="only these faults, in this order")] = None,
    away: Annotated[float, typer.Option(help="seconds for which the broker is gone in `broker away`")] = 8.0,
    planted: Annotated[int, typer.Option(help="instead: plant each bug so many times; 9 of 10 must be found")] = 0,
) -> None:
    """Run them one after another; what a failing one did and logged is kept in .data/faults."""
    if planted:
        _plant(planted)
        return
    AWAY.seconds = away
    runs, failed = [], []
    for seed in range(first, first + seeds):
        done = _one(seed, only or schedule(seed, faults))
        if done is not None:
            runs.append(done)
            print(json.dumps(asdict(done) | {"findings": done.findings.figures()}, ensure_ascii=False), flush=True)
        if done is None or not done.findings.clean:
            failed.append(seed)
    _report(runs)
    if failed:
        console.print(f"[red]seeds {failed} found something; look into {KEPT}/<seed>[/]")
        raise typer.Exit(1)


def _plant(times: int) -> None:
    """How often each planted bug was found, and how often something was found without one."""
    table = Table("planted bug", "found", "of", "found without it")
    weak = []
    with throw_away(print) as servers, databases(servers.postgres.dsn(), ours=True) as database:
        for name, scenario in PLANTED.items():
            found = {True: 0, False: 0}
            for number in range(times):
                for bug in (True, False):
                    ground = ground_of(database, servers.kafka.bootstrap, f"planted-{number}-")
                    found[bug] += bool(asyncio.run(scenario(ground, bug)))
            table.add_row(name, str(found[True]), str(times), str(found[False]))
            if found[True] < 0.9 * times or found[False]:
                weak.append(name)
    console.print(table)
    if weak:
        console.print(f"[red]not found often enough, or found where nothing is: {', '.join(weak)}[/]")
        raise typer.Exit(1)


def _one(seed: int, faults: Sequence[str]) -> Run | None:
    """One seed; None where the product did not recover, which is a failure too."""
    with tempfile.TemporaryDirectory() as folder, rigged() as rig:
        try:
            done = run(rig, seed, faults, Path(folder))
        except Exception:
            traceback.print_exc()
            done = None
        if done is None or not done.findings.clean:
            kept = KEPT / str(seed)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(rig.places.logs, kept / "logs")
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            (kept / "findings.txt").write_text("it did not recover" if done is None else str(done.findings))
        return done


def _report(runs: Sequence[Run]) -> None:
    table = Table(
        "fault", "times", "recovered after, median", "longest", title="seconds until a new lead is everywhere"
    )
    names = sorted({name for one in runs for name in one.recovery})
    for name in names:
        took = [seconds for one in runs for seconds in one.recovery.get(name, ())]
        table.add_row(name, str(len(took)), f"{statistics.median(took):.1f}", f"{max(took):.1f}")
    console.print(table)
    figures = [one.findings.figures() for one in runs]
    total = {name: sum(one[name] for one in figures) for name in figures[0]} if figures else {}
    operations, unknown = sum(one.operations for one in runs), sum(one.resolved for one in runs)
    broken = sum(len(took) for one in runs for took in one.recovery.values())
    console.print(f"{len(runs)} seeds, {operations:,} operations ({unknown:,} unknown at first), {broken} faults")
    console.print(total)


if __name__ == "__main__":
    typer.run(main)

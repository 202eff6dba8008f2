"""`make bench`: a line of JSON for each figure, and a table at the end."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench import appending, projecting, requests, streaming, timely
from bench.frame import FULL, TINY, USUAL, Figure, Ground, ground
from libs.events.garbage import collect_rarely

GROUPS: Mapping[str, Callable[[Ground], Awaitable[list[Figure]]]] = {
    "append": appending.figures,
    "stream": streaming.figures,
    "project": projecting.figures,
    "deadline": timely.figures,
    "http": requests.figures,
}
console = Console()


def main(
    only: Annotated[list[str] | None, typer.Argument(help=f"some of {', '.join(GROUPS)}; all without")] = None,
    full: Annotated[bool, typer.Option("--full", help="a million stored facts, longer runs")] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="only to see that it runs; the figures mean nothing")] = False,
) -> None:
    """Measure. Ends with 1 only when something could not be measured; a goal that is missed is shown as such."""
    if unknown := set(only or ()) - GROUPS.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: one of {', '.join(GROUPS)}")
    found: list[Figure] = []
    collect_rarely()  # as every process of a service
    with ground(FULL if full else TINY if tiny else USUAL) as place:
        for name in only or GROUPS:
            figures = uvloop.run(_all(GROUPS[name], place))
            for figure in figures:
                print(json.dumps(figure.line(), ensure_ascii=False), flush=True)
            found += figures
    table = Table("figure", "value", "unit", "baseline", "ratio", "goal", "")
    for one in found:
        baseline = "" if one.baseline is None else f"{one.baseline:,.1f}"
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        met = "" if one.met is None else "[green]met[/]" if one.met else "[red]missed[/]"
        table.add_row(one.name, f"{one.value:,.1f}", one.unit, baseline, ratio, one.goal, met)
    console.print(table)


async def _all(figures: Callable[[Ground], Awaitable[list[Figure]]], place: Ground) -> list[Figure]:
    return await figures(place)


if __name__ == "__main__":
    typer.run(main)

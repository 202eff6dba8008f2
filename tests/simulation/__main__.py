"""`python -m tests.simulation --seeds 10000 --first 1`: says how many a minute, and names seeds that end wrong."""

from __future__ import annotations

import logging
import time
from typing import Annotated

import structlog
import typer

from tests.simulation.world import failures


def main(
    seeds: Annotated[int, typer.Option(help="how many lives of each profile", min=1)] = 5_000,
    first: Annotated[int, typer.Option(help="the first seed")] = 1,
) -> None:
    """Live them all. A seed that ends wrong is printed: add its line to tests/simulation/kept_seeds.txt."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    begun = time.monotonic()
    found = failures(range(first, first + seeds))
    print(f"{2 * seeds:,} lives, {2 * seeds / (time.monotonic() - begun) * 60:,.0f} a minute, {len(found)} ended wrong")
    for line in found:
        print(line)
    if found:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)

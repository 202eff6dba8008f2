"""`python -m tests.deploy.e2e`: applies an overlay to a control plane of its own and proves what it promises."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from dev.cluster import cluster
from dev.processes import Trouble
from tests.deploy.e2e.proofs import PROOFS


def main(
    overlay: Annotated[Path, typer.Argument(help="a kustomization of core kinds")] = Path("deploy/k8s/overlays/dev"),
) -> None:
    """Ends with 1 at the first that is not so; the logs are kept then."""
    folder = Path(tempfile.mkdtemp(prefix="salesloom-cluster-"))
    begun = time.monotonic()
    try:
        with cluster(folder, print) as found:
            for proof in PROOFS:
                print(f"proven: {proof(found, overlay)} ({time.monotonic() - begun:.0f} s)", flush=True)
    except Trouble as trouble:
        print(f"{trouble}\nlogs are in {folder}/logs", file=sys.stderr)
        raise typer.Exit(1) from None
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)

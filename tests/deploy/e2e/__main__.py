"""`python -m tests.deploy.e2e`: applies an overlay to a control plane of its own and proves what it promises."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from dev.cluster import cluster
from dev.manifests import kubectl, render
from dev.places import ROOT
from dev.processes import Stopped, Trouble, stopped_by_signals
from tests.deploy.e2e.proofs import PROOFS

FAILED, NOT_TRIED, INTERRUPTED = 1, 2, 130


def main(
    overlay: Annotated[Path, typer.Argument(help="a kustomization of core kinds")] = ROOT / "deploy/k8s/overlays/dev",
) -> None:
    """Exits with 0 when all is proven, with 1 at the first that is not so. Logs are kept in a folder that it names."""
    raise typer.Exit(proven(overlay))


def proven(overlay: Path) -> int:
    """Prove all, one line each; the exit code. Nothing that was started is left running, whatever happens."""
    if kubectl() is None:
        print("kubectl is not there; on Debian: kubernetes-client", file=sys.stderr)
        return NOT_TRIED
    try:
        render(overlay)
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return NOT_TRIED
    logs = Path(tempfile.mkdtemp(prefix="salesloom-cluster-"))
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    say(f"logs: {logs}")
    try:
        with stopped_by_signals() as ignore_signals, ExitStack() as exits:
            found = exits.enter_context(cluster(logs, say))
            exits.callback(ignore_signals)
            for proof in PROOFS:
                say(f"proven: {proof(found, overlay)}")
    except Trouble as trouble:
        print(f"NOT proven: {trouble}\nlogs: {logs}", file=sys.stderr)
        return FAILED
    except Stopped:
        say("stopped before all was proven")
        return INTERRUPTED
    say("all is proven, and everything has stopped")
    return 0


if __name__ == "__main__":
    typer.run(main)

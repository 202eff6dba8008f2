"""The programs of a Kubernetes control plane: built once from `deploy/e2e/go.mod`, pinned by its go.sum, then kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from dev.places import ROOT, cache
from dev.processes import Say, Trouble

MODULE = ROOT / "deploy/e2e"
ETCD = "go.etcd.io/etcd/server/v3"
KWOK = "sigs.k8s.io/kwok"
PLANES = ("apiserver", "controller-manager", "scheduler")
PROGRAMS = (f"{KWOK}/cmd/kwok", *(f"k8s.io/kubernetes/cmd/kube-{name}" for name in PLANES))
STAGES = ("pod/fast", "node/fast", "node/heartbeat")
"""What kwok does with nodes and pods: they are ready at once, pods of jobs complete, and nodes give signs of life."""
NICE = ["nice", "-n", "15"]


def programs(say: Say) -> Path:
    """The folder with etcd, kwok, its `stages` and the control plane. Raises Trouble where they cannot be built."""
    pinned = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    folder = cache("kubernetes") / hashlib.sha256(pinned).hexdigest()[:12]
    if (folder / "complete").exists():
        return folder
    if shutil.which("go") is None or shutil.which("kubectl") is None:
        raise Trouble("the control plane is built here: that needs go 1.26 or newer and kubectl on the PATH")
    say(f"building a Kubernetes control plane in {folder}: once, about ten minutes")
    folder.mkdir(parents=True, exist_ok=True)
    build = [*NICE, "go", "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o"]
    _go([*build, str(folder / "etcd"), ETCD])
    _go([*build, f"{folder}/", *PROGRAMS])
    source = Path(_go(["go", "list", "-m", "-f", "{{.Dir}}", KWOK]).strip())
    (folder / "stages").mkdir(exist_ok=True)
    for stage in STAGES:
        for file in (source / "kustomize/stage" / stage).glob("[np]o*.yaml"):
            shutil.copyfile(file, folder / "stages" / f"{stage.replace('/', '-')}-{file.name}")
    (folder / "complete").touch()
    return folder


def _go(command: list[str]) -> str:
    done = subprocess.run(command, cwd=MODULE, env=dict(os.environ), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command)} ended with code {done.returncode}; what it said is above")
    return done.stdout

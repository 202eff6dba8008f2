"""The programs of a Kubernetes control plane: built once from `deploy/e2e/go.mod`, pinned by its go.sum, then kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
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
GO_IS_OFTEN_IN = "/usr/local/go/bin"


def programs(say: Say) -> Path:
    """The folder with etcd, kwok, its `stages` and the control plane. Raises Trouble where they cannot be built."""
    pinned = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    kept = cache("kubernetes")
    folder = kept / hashlib.sha256(pinned).hexdigest()[:12]
    with (kept / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another run that builds the control plane")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            _build(folder, say)
    return folder


def _build(folder: Path, say: Say) -> None:
    begun = time.monotonic()
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}{os.pathsep}{GO_IS_OFTEN_IN}")
    if go is None:
        raise Trouble("the control plane is built here: that needs go 1.26 or newer on the PATH")
    say(f"building a Kubernetes control plane in {folder}: once, about ten minutes on two free cores")
    folder.mkdir(parents=True, exist_ok=True)
    build = [*NICE, go, "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o"]
    _run([*build, f"{folder}/etcd", ETCD])
    _run([*build, f"{folder}/", *PROGRAMS])
    source = Path(_run([go, "list", "-m", "-f", "{{.Dir}}", KWOK]).strip())
    (folder / "stages").mkdir(exist_ok=True)
    for stage in STAGES:
        for file in (source / "kustomize/stage" / stage).glob("[np]o*.yaml"):
            shutil.copyfile(file, folder / "stages" / f"{stage.replace('/', '-')}-{file.name}")
    (folder / "complete").touch()
    say(f"built ({time.monotonic() - begun:.0f} s)")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=MODULE, env=dict(os.environ), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command)} ended with code {done.returncode}; what it said is above")
    return done.stdout

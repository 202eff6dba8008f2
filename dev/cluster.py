"""A Kubernetes control plane on loopback, without containers: real API, scheduler and controllers, nodes of kwok's."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dev.cluster_programs import programs
from dev.ports import HOST, free_ports
from dev.processes import Child, Say, Trouble, spawn, until

NODES = ("one", "two", "three")
READY_WITHIN_S, ENDS_WITHIN_S = 60.0, 20.0
CONTROLLERS = (
    "deployment-controller,replicaset-controller,statefulset-controller,job-controller,disruption-controller,"
    "namespace-controller,endpointslice-controller,garbage-collector-controller,pod-garbage-collector-controller,"
    "persistentvolume-binder-controller,node-lifecycle-controller,horizontal-pod-autoscaler-controller,"
    "serviceaccount-controller"
)


@dataclass(slots=True)
class Cluster:
    """A running control plane: its data and keys in `folder`, in `logs` one file per program."""

    folder: Path
    logs: Path
    children: list[Child] = field(default_factory=list)

    @property
    def access(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    def kubectl(self, *arguments: str, said: str = "", within_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run it, with `said` on its standard input; its exit code is the caller's to look at. Trouble if it hangs."""
        command = self.command(*arguments)
        try:
            return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=within_s)
        except subprocess.TimeoutExpired:
            raise Trouble(f"kubectl {' '.join(arguments)}: no answer within {within_s:.0f} s") from None

    def command(self, *arguments: str) -> list[str]:
        """The command line that `kubectl` runs."""
        return ["kubectl", f"--kubeconfig={self.access}", *arguments]

    def done(self, *arguments: str, said: str = "", within_s: float = 120.0) -> str:
        """What it printed. Raises Trouble with what it said where it failed."""
        answer = self.kubectl(*arguments, said=said, within_s=within_s)
        if answer.returncode != 0:
            raise Trouble(f"kubectl {' '.join(arguments)}:\n{answer.stderr.strip()[-3000:]}")
        return answer.stdout

    def refused(self, *arguments: str, why: str, said: str = "") -> None:
        """It must fail, and say `why`. Raises Trouble where it did not fail, or for another reason."""
        answer = self.kubectl(*arguments, said=said)
        if answer.returncode == 0 or why not in answer.stderr:
            heard = f"{answer.stdout}{answer.stderr}".strip()[-3000:]
            raise Trouble(f"kubectl {' '.join(arguments)} was to be refused with {why!r}, but: {heard}")

    def get(self, *arguments: str) -> Any:
        """A document or a list of them, as `kubectl get -o json` has it."""
        return json.loads(self.done("get", *arguments, "-o", "json"))


@contextmanager
def cluster(logs: Path, say: Say) -> Iterator[Cluster]:
    """Built where it is not cached, started, three nodes ready; at the end stopped, only its logs are left.

    Raises Trouble.
    """
    built = programs(say)
    with TemporaryDirectory(prefix="salesloom-cluster-data-") as name:
        found = Cluster(Path(name), logs)
        try:
            _start_all(found, built, say)
            yield found
        finally:
            deadline = time.monotonic() + ENDS_WITHIN_S
            for child in reversed(found.children):
                child.ask_to_stop()
                child.gone_by(deadline)


def _start_all(found: Cluster, built: Path, say: Say) -> None:
    etcd_port, peer_port, port, manager_port, scheduler_port = free_ports(5)
    begun = time.monotonic()
    _write_access(found, port)
    etcd, peers = f"http://{HOST}:{etcd_port}", f"http://{HOST}:{peer_port}"
    addresses = [f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"]
    addresses += [f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}"]
    addresses += [f"--initial-cluster=default={peers}"]
    _start(found, built / "etcd", [f"--data-dir={found.folder}/etcd", "--unsafe-no-fsync", *addresses])
    _start(found, built / "kube-apiserver", _apiserver(found.folder, etcd, port))
    ready = lambda: found.kubectl("get", "--raw", "/readyz").returncode == 0  # noqa: E731
    until("the API server is ready", ready, within_s=READY_WITHIN_S, child=found.children[-1])
    access = f"--kubeconfig={found.access}"
    common = [access, "--leader-elect=false", f"--bind-address={HOST}"]
    manager = [*common, f"--secure-port={manager_port}", f"--controllers={CONTROLLERS}"]
    _start(found, built / "kube-controller-manager", manager)
    _start(found, built / "kube-scheduler", [*common, f"--secure-port={scheduler_port}"])
    stages = [f"--config={file}" for file in sorted((built / "stages").iterdir())]
    _start(found, built / "kwok", [access, "--manage-all-nodes", *stages])
    for name in NODES:
        found.done("apply", "-f", "-", said=json.dumps(_node(name)))
    found.done("wait", "node", "--all", "--for=condition=Ready", f"--timeout={READY_WITHIN_S:.0f}s")
    say(f"Kubernetes with {len(NODES)} nodes ready ({time.monotonic() - begun:.1f} s)")


def _start(found: Cluster, program: Path, arguments: Sequence[str]) -> None:
    command = [str(program), *arguments]
    child = spawn(program.name, command, logs=found.logs, pids=found.folder, folder=found.folder)
    found.children.append(child)


def _apiserver(folder: Path, etcd: str, port: int) -> list[str]:
    key = folder / "accounts.key"
    return [
        f"--etcd-servers={etcd}",
        f"--secure-port={port}",
        f"--bind-address={HOST}",
        f"--cert-dir={folder}/certificates",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--service-account-issuer=https://{HOST}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--allow-privileged",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder}/tokens.csv",
        "--enable-priority-and-fairness=false",
    ]


def _write_access(found: Cluster, port: int) -> None:
    """A key for tokens of accounts, the administrator's token, and a kubeconfig with it.

    The server signs its own certificate when it starts; the file holds the authority too.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (found.folder / "accounts.key").write_bytes(pem)
    token = secrets.token_hex(16)
    (found.folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    where = {"server": f"https://{HOST}:{port}", "certificate-authority": f"{found.folder}/certificates/apiserver.crt"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": where}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
        "current-context": "here",
    }
    found.access.touch(mode=0o600)
    found.access.write_text(json.dumps(document))


def _node(name: str) -> dict[str, Any]:
    room = {"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{name}"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": room, "capacity": room},
    }

"""Draining nodes of an API's pods: the disruption budget holds the last ready one until there is another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from dev.cluster import NODES, Cluster
from dev.processes import Trouble, until
from tests.deploy.e2e.workloads import IN, NAMESPACE, WITHIN_S, is_ready, pods, roll_out

DEPLOYMENT = "lead-routing-api"
REFUSAL = "violate the pod's disruption budget"


def drained(cluster: Cluster, _overlay: Path) -> str:
    """A node cannot be drained of the last ready pod of an API; once another is ready, it can.

    Of two pods on two nodes, the first goes with its node and cannot come back, as no node takes pods. The second must
    stay then, until a node takes pods again.
    """
    cluster.done("scale", "deployment", DEPLOYMENT, *IN, "--replicas=2")
    roll_out(cluster, "deployment", DEPLOYMENT)
    first, second = (str(pod["spec"]["nodeName"]) for pod in pods(cluster, DEPLOYMENT))
    if first == second:
        raise Trouble(f"both pods of {DEPLOYMENT} are on node {first}: they should be spread")
    (free,) = set(NODES) - {first, second}
    cluster.done("cordon", free, second)
    cluster.done(*_drain(first), within_s=WITHIN_S + 5)
    last = next(pod for pod in pods(cluster, DEPLOYMENT) if pod["spec"].get("nodeName") == second)
    waiting = subprocess.Popen(
        cluster.command(*_drain(second)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _cannot_be_evicted(cluster, last["metadata"]["name"])
        if waiting.poll() is not None:
            raise Trouble(f"node {second} was drained of the last ready pod of {DEPLOYMENT}")
        cluster.done("uncordon", free)
        said, _ = waiting.communicate(timeout=WITHIN_S + 5)
    finally:
        if waiting.poll() is None:
            waiting.kill()
            waiting.wait()
    if waiting.returncode != 0 or REFUSAL not in said:
        raise Trouble(f"draining {second} ended with {waiting.returncode} and said: {said[-2000:]}")
    if any(is_ready(pod) and pod["spec"]["nodeName"] != free for pod in pods(cluster, DEPLOYMENT)):
        raise Trouble(f"a pod of {DEPLOYMENT} is on a node that was drained")
    until(f"{DEPLOYMENT} is ready again", lambda: all(map(is_ready, pods(cluster, DEPLOYMENT))), within_s=WITHIN_S)
    cluster.done("uncordon", first, second)
    return f"eviction of the last ready pod of {DEPLOYMENT} is refused; both nodes are drained in the end"


def _cannot_be_evicted(cluster: Cluster, name: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
    cluster.refused("create", "--raw", path, "-f", "-", said=json.dumps(eviction), why=REFUSAL)


def _drain(node: str) -> list[str]:
    return ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={WITHIN_S:.0f}s"]

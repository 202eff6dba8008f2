"""What runs in the product's namespace: given the volumes that nobody provides here, awaited, listed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dev.cluster import Cluster
from dev.processes import Trouble

NAMESPACE = "salesloom"
IN = ("-n", NAMESPACE)
WITHIN_S = 120.0


def provide_volumes(cluster: Cluster) -> None:
    """One for each claim."""
    claims = {one["metadata"]["name"]: one for one in cluster.get("persistentvolumeclaims", *IN)["items"]}
    for kind in cluster.get("statefulsets", *IN)["items"]:
        for claim in kind["spec"].get("volumeClaimTemplates", ()):
            claims[f"{claim['metadata']['name']}-{kind['metadata']['name']}"] = claim
    for name, claim in claims.items():
        spec = claim["spec"]
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "hostPath": {"path": f"/volumes/{name}"},
            },
        }
        cluster.done("apply", "-f", "-", said=json.dumps(volume))


def roll_out(cluster: Cluster, *what: str) -> None:
    """Wait until it has the pods it is to have. Raises Trouble that says what pods could not be made or placed."""
    try:
        cluster.done("rollout", "status", *what, *IN, f"--timeout={WITHIN_S:.0f}s", within_s=10 * WITHIN_S)
    except Trouble as trouble:
        raise Trouble("\n".join([str(trouble), *_hindered(cluster)])) from None


def _hindered(cluster: Cluster) -> Iterator[str]:
    """Workloads whose pods are not admitted, pods that no node takes, with the reason."""
    for one in cluster.get("deployments,statefulsets,pods", *IN)["items"]:
        for state in one.get("status", {}).get("conditions", ()):
            if (state["type"], state["status"]) in {("ReplicaFailure", "True"), ("PodScheduled", "False")}:
                yield f"{one['kind']} {one['metadata']['name']}: {state['message']}"


def pods(cluster: Cluster, deployment: str) -> list[Any]:
    """Its pods that are not about to go."""
    selector = cluster.get("deployment", deployment, *IN)["spec"]["selector"]["matchLabels"]
    found = cluster.get("pods", *IN, "-l", ",".join(f"{key}={value}" for key, value in selector.items()))["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Ready to serve."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))

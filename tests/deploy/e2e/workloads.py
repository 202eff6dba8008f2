"""What runs in the product's namespace: given the volumes that nobody provides here, awaited, listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dev.cluster import Cluster
from dev.processes import Trouble

NAMESPACE = "salesloom"
IN = ("-n", NAMESPACE)
WITHIN_S = 120.0
ROLLED_OUT = ("Deployment", "StatefulSet")


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
    """Wait until it has the pods it is to have. Raises Trouble that names those that are not ready."""
    timeout = f"--timeout={WITHIN_S:.0f}s"
    try:
        cluster.done("rollout", "status", *what, *IN, timeout, within_s=len(ROLLED_OUT) * 10 * WITHIN_S)
    except Trouble as trouble:
        missing = [one["metadata"]["name"] for one in cluster.get("pods", *IN)["items"] if not is_ready(one)]
        events = cluster.done("get", "events", *IN, "--field-selector=type=Warning").strip()
        raise Trouble(f"{trouble}\nnot ready: {', '.join(missing)}\n{events[-2000:]}") from None


def pods(cluster: Cluster, deployment: str) -> list[Any]:
    """Its pods that are not about to go."""
    selector = cluster.get("deployment", deployment, *IN)["spec"]["selector"]["matchLabels"]
    found = cluster.get("pods", *IN, "-l", ",".join(f"{key}={value}" for key, value in selector.items()))["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Ready to serve."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))

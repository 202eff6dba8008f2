"""What is proven of the manifests, one after another on the same cluster; each returns what it showed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from dev.cluster import NODES, Cluster
from dev.manifests import K8S, render
from dev.processes import Trouble, until

NAMESPACE = "salesloom"
IN = ("-n", NAMESPACE)
DEPLOYMENT = "lead-routing-api"
WITHIN_S = 120.0
OWN_GROUPS = ("v1", "apps/", "batch/", "policy/", "autoscaling/", "networking.k8s.io/", "scheduling.k8s.io/")
Proof = Callable[[Cluster, Path], str]


def accepted(cluster: Cluster, overlay: Path) -> str:
    """The API server takes every document of the overlay, strictly, and of production all kinds that it knows."""
    cluster.done("apply", "-f", "-", said=json.dumps(_labelled_namespace(overlay)))
    given = _text(render(overlay))
    cluster.done("apply", "--server-side", "--validate=strict", "-f", "-", said=given)
    _provide_volumes(cluster)
    production = [one for one in render(K8S / "overlays/prod") if one["apiVersion"].startswith(OWN_GROUPS)]
    for one in production:
        if one["kind"] == "Job":  # what a job runs cannot be changed; those of the overlay are there
            one["metadata"]["name"] += "-of-production"
    answer = cluster.done(
        "create", "--dry-run=server", "--validate=strict", "-f", "-", said=_text(_renamed(production))
    )
    return f"{len(render(overlay))} documents applied, {len(answer.splitlines())} of production taken by a dry run"


def misspelt(cluster: Cluster, overlay: Path) -> str:
    """A field that does not exist is refused, so the proof above could have failed."""
    document = next(one for one in render(overlay) if one["kind"] == "Deployment")
    wrong = {**document, "spec": {**document["spec"], "replicaz": 2}}
    answer = cluster.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", said=_text([wrong])
    )
    _expect(answer, "replicaz")
    return "a misspelt field is refused"


def rolled_out(cluster: Cluster, overlay: Path) -> str:
    """Migrations complete; every Deployment and StatefulSet gets its pods, and gets new ones one after another."""
    for one in ("statefulset", "deployment"):
        _roll_out(cluster, one)
    jobs = [one["metadata"]["name"] for one in cluster.get("jobs", *IN)["items"] if not one["spec"].get("suspend")]
    names = [f"job/{name}" for name in jobs]
    cluster.done("wait", *IN, "--for=condition=Complete", *names, f"--timeout={WITHIN_S:.0f}s", within_s=WITHIN_S + 5)
    cluster.done("rollout", "restart", "deployment", DEPLOYMENT, *IN)
    cluster.done(
        "rollout", "status", "deployment", DEPLOYMENT, *IN, f"--timeout={WITHIN_S:.0f}s", within_s=WITHIN_S + 5
    )
    deployments = cluster.get("deployments", *IN)["items"]
    return f"{len(deployments)} Deployments rolled out, {len(jobs)} migrations completed, one rolled out again"


def drained(cluster: Cluster, overlay: Path) -> str:
    """A node cannot be drained of the last ready pod of an API; once another is ready, it can."""
    cluster.done("scale", "deployment", DEPLOYMENT, *IN, "--replicas=2")
    cluster.done(
        "rollout", "status", "deployment", DEPLOYMENT, *IN, f"--timeout={WITHIN_S:.0f}s", within_s=WITHIN_S + 5
    )
    first, second = (str(pod["spec"]["nodeName"]) for pod in _pods(cluster))
    if first == second:
        raise Trouble(f"both pods of {DEPLOYMENT} are on node {first}: they should be spread")
    (free,) = set(NODES) - {first, second}
    cluster.done("cordon", free, second)
    cluster.done("drain", first, *_DRAIN, within_s=WITHIN_S)
    waiting = subprocess.Popen(
        cluster.command("drain", second, *_DRAIN), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        (last,) = [pod for pod in _pods(cluster) if pod["spec"].get("nodeName") == second]
        name = last["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"
        refused = cluster.kubectl("create", "--raw", path, "-f", "-", said=json.dumps(eviction))
        _expect(refused, "disruption budget")
        if waiting.poll() is not None:
            raise Trouble(f"the node was drained of the last ready pod of {DEPLOYMENT}")
        cluster.done("uncordon", free)
        said, _ = waiting.communicate(timeout=WITHIN_S)
    finally:
        if waiting.poll() is None:
            waiting.kill()
    if waiting.returncode != 0 or "disruption budget" not in said:
        raise Trouble(f"drain of {second} ended with {waiting.returncode}: {said[-2000:]}")
    ready = lambda: any(_ready(pod) for pod in _pods(cluster))  # noqa: E731
    until(f"{DEPLOYMENT} is served", ready, within_s=WITHIN_S)
    cluster.done("uncordon", first, second)
    return "a drain waits for the disruption budget, and ends when another pod is ready"


def privileged(cluster: Cluster, overlay: Path) -> str:
    """Pod Security keeps out what the namespace does not allow."""
    container = {"name": "one", "image": "salesloom", "securityContext": {"privileged": True}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged", "namespace": NAMESPACE},
        "spec": {"containers": [container]},
    }
    _expect(cluster.kubectl("apply", "-f", "-", said=json.dumps(pod)), "violates PodSecurity")
    return "a privileged pod is refused"


PROOFS: Sequence[Proof] = (accepted, misspelt, rolled_out, drained, privileged)
_DRAIN = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={WITHIN_S:.0f}s")


def _roll_out(cluster: Cluster, *what: str) -> None:
    """Wait until it has the pods it is to have."""
    cluster.done("rollout", "status", *what, *IN, f"--timeout={WITHIN_S:.0f}s", within_s=WITHIN_S + 5)


def _text(documents: Sequence[Any]) -> str:
    return str(yaml.safe_dump_all(documents))


def _labelled_namespace(overlay: Path) -> Any:
    return next(one for one in render(overlay) if one["kind"] == "Namespace")


def _renamed(documents: Sequence[Any]) -> list[Any]:
    """Under other names, beside those of the overlay; namespaces are there."""
    return [
        {**one, "metadata": {**one["metadata"], "name": f"{one['metadata']['name']}-p"}}
        for one in documents
        if one["kind"] != "Namespace"
    ]


def _provide_volumes(cluster: Cluster) -> None:
    """Nobody provides disks here; one for each claim."""
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


def _pods(cluster: Cluster) -> list[Any]:
    """The API's pods that are not about to go."""
    service, component = DEPLOYMENT.rsplit("-", 1)
    labels = f"app.kubernetes.io/component={component},app.kubernetes.io/name={service}"
    found = cluster.get("pods", *IN, "-l", labels)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def _ready(pod: Any) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def _expect(answer: subprocess.CompletedProcess[str], why: str) -> None:
    if answer.returncode == 0 or why not in answer.stderr:
        raise Trouble(f"expected a refusal that says {why!r}, got {answer.returncode}: {answer.stdout}{answer.stderr}")

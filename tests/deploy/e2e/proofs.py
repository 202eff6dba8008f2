"""What is proven of the manifests, one after another on the same cluster; each returns what it showed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from dev.cluster import Cluster
from dev.manifest_rules import Document
from dev.manifests import K8S, render
from dev.processes import Trouble, until
from tests.deploy.e2e.drain import DEPLOYMENT, drained
from tests.deploy.e2e.workloads import IN, NAMESPACE, WITHIN_S, provide_volumes, roll_out

APPLY = ("apply", "--server-side", "--validate=strict", "-f", "-")
CREATE_DRY = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
OWN_GROUPS = ("v1", "apps/", "batch/", "policy/", "autoscaling/", "networking.k8s.io/", "scheduling.k8s.io/")
Proof = Callable[[Cluster, Path], str]


def accepted(cluster: Cluster, overlay: Path) -> str:
    """The API server takes every document of the overlay, strictly, and of production all kinds that it knows."""
    given = render(overlay)
    cluster.done(*APPLY, said=_text([one for one in given if one["kind"] == "Namespace"]))
    cluster.done(*APPLY, said=_text(given))
    provide_volumes(cluster)
    production = [one for one in render(K8S / "overlays/prod") if one["apiVersion"].startswith(OWN_GROUPS)]
    answer = cluster.done(*CREATE_DRY, said=_text(_renamed(production)))
    return f"{len(given)} documents applied, {len(answer.splitlines())} of production taken by a dry run"


def misspelt(cluster: Cluster, overlay: Path) -> str:
    """A field that does not exist is refused, so the proof above could have failed."""
    document = next(one for one in render(overlay) if one["kind"] == "Deployment")
    wrong = {**document, "spec": {**document["spec"], "replicaz": 2}}
    cluster.refused(*APPLY, "--dry-run=server", said=_text([wrong]), why="replicaz")
    return "a misspelt field is refused"


def rolled_out(cluster: Cluster, _overlay: Path) -> str:
    """Migrations complete; every Deployment and StatefulSet gets its pods, and gets new ones one after another."""
    roll_out(cluster, "statefulset")
    roll_out(cluster, "deployment")
    jobs = [one["metadata"]["name"] for one in cluster.get("jobs", *IN)["items"] if not one["spec"].get("suspend")]
    names = [f"job/{name}" for name in jobs]
    cluster.done("wait", *IN, "--for=condition=Complete", *names, f"--timeout={WITHIN_S:.0f}s", within_s=WITHIN_S + 5)
    cluster.done("rollout", "restart", "deployment", DEPLOYMENT, *IN)
    roll_out(cluster, "deployment", DEPLOYMENT)
    deployments = cluster.get("deployments", *IN)["items"]
    return f"{len(deployments)} Deployments rolled out, {len(jobs)} migrations completed, one rolled out again"


def selected(cluster: Cluster, _overlay: Path) -> str:
    """No selector misses: every Service has a pod that is ready behind it, every disruption budget counts some."""
    services = [one["metadata"]["name"] for one in cluster.get("services", *IN)["items"]]
    budgets = [one["metadata"]["name"] for one in cluster.get("poddisruptionbudgets", *IN)["items"]]
    missing: set[str] = set()

    def all_select() -> bool:
        missing.clear()
        missing.update(f"Service {name}" for name in set(services) - _served(cluster))
        missing.update(f"PodDisruptionBudget {name}" for name in set(budgets) - _counted(cluster))
        return not missing

    try:
        until("every selector selects", all_select, within_s=20.0)
    except Trouble:
        raise Trouble(f"select no ready pod: {', '.join(sorted(missing))}") from None
    return f"{len(services)} Services and {len(budgets)} disruption budgets select pods"


def privileged(cluster: Cluster, _overlay: Path) -> str:
    """Pod Security keeps out what the namespace does not allow."""
    container = {"name": "one", "image": "salesloom", "securityContext": {"privileged": True}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged", "namespace": NAMESPACE},
        "spec": {"containers": [container]},
    }
    cluster.refused("apply", "-f", "-", said=json.dumps(pod), why='violates PodSecurity "restricted')
    return "a privileged pod is refused"


PROOFS: Sequence[Proof] = (accepted, misspelt, rolled_out, selected, drained, privileged)


def _served(cluster: Cluster) -> set[str]:
    """The Services with a ready address."""
    return {
        one["metadata"]["labels"]["kubernetes.io/service-name"]
        for one in cluster.get("endpointslices", *IN)["items"]
        if any(end["conditions"].get("ready") for end in one.get("endpoints") or ())
    }


def _counted(cluster: Cluster) -> set[str]:
    """The disruption budgets that expect pods, as many as there are."""
    found = cluster.get("poddisruptionbudgets", *IN)["items"]
    return {one["metadata"]["name"] for one in found if one.get("status", {}).get("currentHealthy", 0) > 0}


def _text(documents: Sequence[Any]) -> str:
    return str(yaml.safe_dump_all(documents))


def _renamed(documents: Sequence[Document]) -> list[Any]:
    """Under other names, beside those of the overlay; namespaces are there."""
    return [
        {**one, "metadata": {**one["metadata"], "name": f"{one['metadata']['name']}-of-production"}}
        for one in documents
        if one["kind"] != "Namespace"
    ]

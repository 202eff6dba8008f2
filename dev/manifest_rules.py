"""What every rendered set of manifests must keep, beyond its schemas: bounds of pods, budgets, closed namespaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
BOUNDS = {"requests": ("cpu", "memory", "ephemeral-storage"), "limits": ("memory", "ephemeral-storage")}
WRITES_ITS_ROOT = ("apache/kafka",)
"""Images that write their configuration where they lie."""


def of_kind(documents: Sequence[Document], *kinds: str) -> list[Document]:
    """The documents of some kinds."""
    return [document for document in documents if document["kind"] in kinds]


def name_of(document: Document) -> str:
    """The name a document is found by."""
    return str(document["metadata"]["name"])


def labels_of(workload: Document) -> Mapping[str, str]:
    """The labels that a workload's pods have."""
    found: Mapping[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """True if a label selector takes these labels; an empty one takes all."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


def broken(documents: Sequence[Document]) -> list[str]:
    """Every rule that is broken, and by whom."""
    found = [
        f"{workload['kind']} {name_of(workload)}: {fault}"
        for workload in of_kind(documents, "Deployment", "StatefulSet", "Job")
        for fault in _of_pod(workload)
    ]
    found += [f"Deployment {name_of(one)}: no disruption budget" for one in _without_budget(documents)]
    return [*found, *_open_namespaces(documents)]


def _of_pod(workload: Document) -> Iterator[str]:
    pod = workload["spec"]["template"]["spec"]
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "may run as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "has a token of the API server"
    if pod.get("enableServiceLinks") is not False:
        yield "gets addresses by variables of their own"
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        yield from _of_container(container)
        if workload["kind"] != "Job":
            yield from (f"no {probe}" for probe in PROBES if probe not in container)


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True and not container["image"].startswith(WRITES_ITS_ROOT):
        yield "may write its root"
    for side, wanted in BOUNDS.items():
        given = container.get("resources", {}).get(side, {})
        yield from (f"no {side}.{one}" for one in wanted if one not in given)


def _without_budget(documents: Sequence[Document]) -> list[Document]:
    budgets = [one["spec"]["selector"] for one in of_kind(documents, "PodDisruptionBudget")]
    return [
        one
        for one in of_kind(documents, "Deployment")
        if not any(selects(selector, labels_of(one)) for selector in budgets)
    ]


def _open_namespaces(documents: Sequence[Document]) -> list[str]:
    closed = {
        policy["metadata"].get("namespace")
        for policy in of_kind(documents, "NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
        and {"Ingress", "Egress"} <= set(policy["spec"]["policyTypes"])
        and not policy["spec"].get("ingress")
        and not policy["spec"].get("egress")
    }
    used = {one["metadata"]["namespace"] for one in documents if "namespace" in one["metadata"]}
    return [f"Namespace {name}: not closed by a policy that denies all" for name in sorted(used - closed)]

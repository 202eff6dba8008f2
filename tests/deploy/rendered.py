"""The overlays as kustomize renders them, for the tests beside this file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.manifest_rules import name_of, of_kind
from dev.manifests import K8S, NO_KUBECTL, kubectl, render

needs_kubectl = pytest.mark.skipif(kubectl() is None, reason=NO_KUBECTL)
OVERLAYS = ("dev", "prod")


def overlay(name: str) -> list[Any]:
    """All documents of an overlay."""
    return list(render(K8S / "overlays" / name))


def with_component(folder: str, component: str, place: Path) -> list[Any]:
    """The documents of a folder with a component added to it."""
    text = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(K8S / folder, place)],
        "components": [os.path.relpath(K8S / "components" / component, place)],
    }
    (place / "kustomization.yaml").write_text(yaml.safe_dump(text))
    return list(render(place))


def found(documents: list[Any], kind: str, name: str) -> Any:
    """The document of this kind and name."""
    [document] = [one for one in of_kind(documents, kind) if name_of(one) == name]
    return document


def processes(documents: list[Any]) -> list[Any]:
    """The workloads that run the product's own processes."""
    return [
        one
        for one in of_kind(documents, "Deployment", "Job")
        if one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "salesloom"
    ]

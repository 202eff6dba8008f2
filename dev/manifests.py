"""Manifests of `deploy/k8s` as kustomize renders them, against schemas and rules: `python -m dev.manifests check`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft7Validator

from dev.manifest_rules import Document, broken
from dev.places import ROOT

K8S = ROOT / "deploy/k8s"
SCHEMAS = ROOT / "deploy/schemas"
OVERLAYS = ("dev", "prod")
FILES = ("kubernetes", "strimzi", "postgres", "monitoring")
NO_KUBECTL = "manifests: SKIPPED, nothing was rendered: kubectl is not there. Install it (on Debian: kubernetes-client)"


def kubectl() -> str | None:
    """The program that renders; None where it is not installed."""
    return shutil.which("kubectl")


@cache
def render(folder: Path) -> list[Document]:
    """The documents of a kustomization. Raises ValueError with what kustomize says if it is none."""
    done = subprocess.run([kubectl() or "kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"{folder}: {done.stderr.strip()}")
    return [document for document in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if document]


def kind_of(document: Document) -> str:
    """Such as `apps/v1/Deployment`."""
    return f"{document.get('apiVersion')}/{document.get('kind')}"


@cache
def schema_of(kind: str) -> Draft7Validator | None:
    """The strict schema of a kind: a field that it does not know is a fault. None for a kind that has none."""
    for name in FILES:
        found = json.loads((SCHEMAS / f"{name}.json").read_text())
        if kind in found["kinds"]:
            return Draft7Validator({**found["kinds"][kind], "$defs": found.get("$defs", {})})
    return None


def faults(document: Document) -> list[str]:
    """What is wrong with a document, each with its place; nothing for one that fits."""
    kind = kind_of(document)
    schema = schema_of(kind)
    if schema is None:
        return [f"{kind}: no schema knows this kind"]
    name = document.get("metadata", {}).get("name")
    return [
        f"{document['kind']} {name}, {'.'.join(map(str, error.absolute_path)) or 'top'}: {error.message[:300]}"
        for error in schema.iter_errors(document)
    ]


def main() -> int:
    """Check every overlay; the exit code."""
    if kubectl() is None:
        print(NO_KUBECTL, file=sys.stderr)
        return 0
    wrong = 0
    for overlay in OVERLAYS:
        try:
            documents = render(K8S / "overlays" / overlay)
        except ValueError as error:
            print(f"manifests: {error}", file=sys.stderr)
            return 1
        found = [*(fault for document in documents for fault in faults(document)), *broken(documents)]
        print(f"manifests: {overlay}: {len(documents)} documents, {len(found)} faults")
        for fault in found:
            print(f"  {fault}", file=sys.stderr)
        wrong += len(found)
    return int(wrong > 0)


if __name__ == "__main__":
    if sys.argv[1:] != ["check"]:
        sys.exit("usage: python -m dev.manifests check")
    sys.exit(main())

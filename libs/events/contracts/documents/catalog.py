"""All fact types there are and the story told in examples of them, by wire name."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from libs.events import contracts
from libs.events.contracts import examples
from libs.events.facts import REGISTRY, Fact

Payload = dict[str, Any]


def fact_types() -> dict[str, type[Fact]]:
    """Every type that a module of this package declares, by wire name, in order."""
    for _ in _modules(contracts):
        pass
    ours = f"{contracts.__name__}."
    return {wire: REGISTRY.types[wire] for wire in sorted(REGISTRY.types) if _home(wire).startswith(ours)}


def example_payloads() -> dict[str, list[Payload]]:
    """The payloads that the example modules tell of each type, in the order of the story."""
    told: dict[str, list[Payload]] = {}
    for module in _modules(examples):
        for fact, _ in getattr(module, "EXAMPLES", ()):
            payload = fact.data()
            if payload not in told.setdefault(fact.wire, []):
                told[fact.wire].append(payload)
    return told


def _home(wire: str) -> str:
    module = REGISTRY.types[wire].__module__
    return "" if ".tests." in module else module


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not found.ispkg and not found.name.endswith("__main__"):
            yield import_module(found.name)

"""The story of all contracts' examples as the log would hold it, and its interleavings."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from libs.events.contracts import examples
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Projection
from libs.events.testing.folding import fold_all, recorded


def example_facts() -> list[tuple[Fact, datetime]]:
    """Every example fact with its instant, in the order of time."""
    found: list[tuple[Fact, datetime]] = []
    for module in pkgutil.iter_modules(examples.__path__):
        found += getattr(importlib.import_module(f"{examples.__name__}.{module.name}"), "EXAMPLES", [])
    return sorted(found, key=lambda entry: entry[1])


def story() -> list[Recorded[Any]]:
    """The example facts as the log would hold them."""
    return recorded(*example_facts())


def interleaved(facts: Sequence[Recorded[Any]], dice: random.Random) -> list[Recorded[Any]]:
    """The same facts in another order that keeps each stream's own."""
    streams: dict[str, list[Recorded[Any]]] = defaultdict(list)
    for one in facts:
        streams[one.stream].append(one)
    turns = [one.stream for one in facts]
    dice.shuffle(turns)
    waiting = {stream: iter(mine) for stream, mine in streams.items()}
    return [replace(next(waiting[stream]), seq=seq, own_seq=seq) for seq, stream in enumerate(turns, 1)]


def reads(projection: Projection, facts: Sequence[Recorded[Any]]) -> list[Recorded[Any]]:
    """The facts that touch a group of the projection."""
    return [one for one in facts if isinstance(one.fact, projection.reads) and projection.keys(one.fact)]


def checksum(projection: Projection, facts: Sequence[Recorded[Any]]) -> str:
    """Changes with the rows that these facts give."""
    return hashlib.sha256(repr(fold_all(projection, facts)).encode()).hexdigest()[:16]

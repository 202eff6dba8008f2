"""Interleavings of facts that keep the order of each stream, as hypothesis draws them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from libs.events.facts import Recorded


def interleavings(facts: Sequence[Recorded[Any]]) -> st.SearchStrategy[list[Recorded[Any]]]:
    """Every order in which the facts of different streams may arrive."""

    def arranged(order: Sequence[str]) -> list[Recorded[Any]]:
        waiting: dict[str, list[Recorded[Any]]] = defaultdict(list)
        for fact in facts:
            waiting[fact.stream].append(fact)
        return [waiting[stream].pop(0) for stream in order]

    return st.permutations([fact.stream for fact in facts]).map(arranged)

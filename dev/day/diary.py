"""Which day was lived last in this data folder: its number, seed and tenant."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dev.places import Places


@dataclass(frozen=True, slots=True)
class Entry:
    """One day. `tenant` comes from seed and number, so that every day has a tenant of its own."""

    number: int
    seed: int

    @property
    def tenant(self) -> str:
        """Such as demo42day1."""
        return f"demo{self.seed}day{self.number}"


def last(places: Places) -> Entry | None:
    """The day that was begun last; None before the first one."""
    try:
        return Entry(**json.loads(_file(places).read_text()))
    except FileNotFoundError:
        return None


def begin(places: Places, seed: int) -> Entry:
    """Write down that the next day begins."""
    before = last(places)
    entry = Entry(before.number + 1 if before else 1, seed)
    beside = _file(places).with_suffix(".new")
    beside.write_text(json.dumps(asdict(entry)))
    beside.replace(_file(places))
    return entry


def _file(places: Places) -> Path:
    return places.data / "day.json"

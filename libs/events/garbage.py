"""How often a process looks for cyclic garbage: rarely, because facts and rows hold no cycles, and there are many."""

from __future__ import annotations

import gc

NEW_OBJECTS = 20_000


def collect_rarely() -> None:
    """Look among young objects after 20,000 new ones instead of 700. Call it once, when a process starts.

    A batch of facts is many objects that live for a while: looking through them again and again took half the time of
    a rebuild. Objects without cycles are freed at once as ever.
    """
    gc.set_threshold(NEW_OBJECTS, 50, 20)

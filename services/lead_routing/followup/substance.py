"""Whether something that was done on a lead counts: is there evidence, and is it new (domain.md 3.1.3-8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from libs.events.contracts.lead_routing import ActivityKind

SHORTEST_CALL = 30
SHORTEST_NOTE = 10
GRAM = 3
Direction = Literal["in", "out", "both"]


def why_not(
    kind: ActivityKind,
    *,
    direction: Direction | None,
    duration_s: int | None,
    text: str | None,
    has_next_step: bool,
    messages: frozenset[str],
    recent_notes: Iterable[str],
) -> str | None:
    """Why it does not count, as a code; None if it does.

    `messages` are the directions of earlier messages with this customer, `recent_notes` the rep's last notes.
    """
    if text is not None and is_repeated(text, recent_notes):
        return "REPEATED_TEXT"
    match kind:
        case "call":
            return None if (duration_s or 0) >= SHORTEST_CALL else "CALL_TOO_SHORT"
        case "message":
            both_ways = direction == "both" or {"in", "out"} <= messages | {direction}
            return None if both_ways else "ONE_WAY"
        case "visit" | "meeting" | "document":
            return None
        case "next_step":
            return None if has_next_step else "NO_NEXT_STEP"
        case "note":
            return None if len((text or "").strip()) >= SHORTEST_NOTE else "NOTE_TOO_SHORT"
        case "view":
            return "VIEW"


def is_repeated(text: str, earlier: Iterable[str]) -> bool:
    """Whether a text is at least 0.9 similar to one of some earlier texts."""
    grams = three_grams(text)
    return bool(grams) and any(_nearly_equal(grams, three_grams(one)) for one in earlier)


def three_grams(text: str) -> frozenset[str]:
    """All runs of three characters of a text without its white space; a shorter text is its own only one."""
    plain = "".join(text.split()).casefold()
    if len(plain) < GRAM:
        return frozenset({plain} if plain else ())
    return frozenset(plain[start : start + GRAM] for start in range(len(plain) - GRAM + 1))


def _nearly_equal(one: frozenset[str], other: frozenset[str]) -> bool:
    """Jaccard: 0.9 of all three-grams or more are in both."""
    return 10 * len(one & other) >= 9 * len(one | other)

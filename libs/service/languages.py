"""Texts in Chinese and English, by `Accept-Language`."""

from __future__ import annotations

from typing import Literal

Language = Literal["zh", "en"]


def preferred(accept_language: str | None) -> Language:
    """The better wanted of zh and en; English where neither is named."""
    wanted: dict[Language, float] = {}
    for part in (accept_language or "").split(",")[:20]:
        tag, _, quality = part.partition(";q=")
        primary = tag.strip().lower().split("-")[0]
        if primary not in {"zh", "en"}:
            continue
        language: Language = "zh" if primary == "zh" else "en"
        wanted[language] = max(wanted.get(language, 0.0), _quality(quality))
    return max(wanted, key=lambda language: wanted[language]) if wanted else "en"


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0) if text else 1.0
    except ValueError:
        return 0.0

"""Saying which known value an unknown one was probably meant to be."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, process

from libs.events.errors import Rejected

MIN_SCORE = 60
"""Below this likeness (0 to 100) nothing is suggested."""


def nearest(word: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """The id and name of the known thing whose id or name is most like `word`; `known` is id → name."""
    choices = {(identity, text): _plain(text) for identity, name in known.items() for text in (identity, name) if text}
    best = process.extractOne(_plain(word), choices, scorer=fuzz.WRatio, score_cutoff=MIN_SCORE)
    if best is None:
        return None
    identity, _ = best[2]
    return identity, known[identity]


def unknown(field: str, word: str, known: Mapping[str, str] | Iterable[str]) -> Rejected:
    """The refusal of an unknown value: 422 that names the field, the value and the nearest known one."""
    names = known if isinstance(known, Mapping) else dict.fromkeys(known, "")
    found = nearest(word, names)
    if found is None:
        return Rejected("VALIDATION", f"{field}: {word} is not known", field=field, value=word)
    identity, name = found
    why = f"{field}: {word} is not known; did you mean {name or identity}?"
    return Rejected("VALIDATION", why, field=field, value=word, nearest={"id": identity, "name": name or identity})


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()

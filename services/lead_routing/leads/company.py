"""What two spellings of a company's name have in common (domain.md 4.1b)."""

from __future__ import annotations

import re
import unicodedata

_FORMS = re.compile(r"股份|有限责任|有限|责任|集团|公司|\b(?:co|ltd|inc|llc|corp|limited|company|group)\b\.?")
_MARKS = re.compile(r"[\s()（）.,，。·\-]+")


def company_key(name: str) -> str:
    """One width and case, without legal forms, punctuation and spaces; the bare name where nothing else is left."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return _MARKS.sub("", _FORMS.sub("", plain)) or _MARKS.sub("", plain)

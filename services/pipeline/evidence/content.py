"""What a file or a text really is: its type by its bytes, its size, its age, whether it says anything (S-16)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from rapidfuzz.distance import Levenshtein

from services.pipeline.definitions.domain import ContentChecks, Language, Requirement

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KNOWN_MIMES = frozenset({"image/png", "image/jpeg", "application/pdf", "text/plain", DOCX, XLSX})
UNKNOWN_MIME = "application/octet-stream"

_ZIP = b"PK\x03\x04"
_CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13})


def sniff(content: bytes) -> str:
    """The mime type by the content, whatever the client said; `application/octet-stream` if it is none of ours."""
    match content:
        case _ if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return "image/png"
        case _ if content.startswith(b"\xff\xd8\xff"):
            return "image/jpeg"
        case _ if content.startswith(b"%PDF-"):
            return "application/pdf"
        case _ if content.startswith(_ZIP) and b"[Content_Types].xml" in content:
            return DOCX if b"word/document.xml" in content else XLSX if b"xl/workbook.xml" in content else UNKNOWN_MIME
        case _:
            return "text/plain" if _is_text(content) else UNKNOWN_MIME


def _is_text(content: bytes) -> bool:
    if content.translate(None, _CONTROLS) != content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return bool(content)


@dataclass(frozen=True, slots=True)
class Failure:
    """A content check that failed: its code, and why in Chinese and English."""

    check: str
    zh: str
    en: str

    def told_in(self, language: Language) -> str:
        """Why, in one of them."""
        return self.zh if language == "zh" else self.en


def check_file(
    mime: str, size: int, created_on: date | None, today: date, requirement: Requirement | None, checks: ContentChecks
) -> list[Failure]:
    """The checks that a file fails on its own; whether it was used before is decided with the rep's ledger."""
    allowed = frozenset(requirement.mime) if requirement and requirement.mime else KNOWN_MIMES
    failures = []
    if mime not in allowed & KNOWN_MIMES:
        failures.append(
            Failure("MIME_NOT_ALLOWED", f"不接受此类文件：{mime}", f"files of type {mime} are not accepted")
        )
    if size <= checks.min_bytes:
        failures.append(Failure("TOO_SMALL", "文件过小，不能作为凭证", f"the file has only {size} bytes"))
    if size > checks.max_bytes:
        failures.append(Failure("TOO_LARGE", "文件过大", f"the file has more than {checks.max_bytes} bytes"))
    if created_on is not None:
        age, limit = (today - created_on).days, requirement.max_age_days if requirement else None
        if age < 0:
            failures.append(Failure("CREATED_IN_FUTURE", "文件创建日期在未来", "the file was made in the future"))
        elif limit is not None and age > limit:
            failures.append(Failure("TOO_OLD", f"文件创建于 {age} 天前", f"the file was made {age} days ago"))
    return failures


def check_text(text: str, min_length: int, recent: Sequence[str], checks: ContentChecks) -> list[Failure]:
    """The checks that a text fails: a placeholder, too short, or too like one of the rep's last texts."""
    plain = _plain(text)
    if plain in {_plain(word) for word in checks.placeholders} or len(set(plain)) <= 1:
        return [Failure("TEXT_PLACEHOLDER", "内容为占位文字", "the text is a placeholder")]
    if len(" ".join(text.split())) < min_length:
        return [Failure("TEXT_TOO_SHORT", f"至少需要 {min_length} 个字", f"write at least {min_length} characters")]
    if _likeness(plain, recent[: checks.compared_with]) >= float(checks.max_similarity):
        return [Failure("TEXT_REPEATED", "与最近填写的内容过于相似", "the text is much like one of the last ones")]
    return []


def _likeness(plain: str, others: Iterable[str]) -> float:
    return max((Levenshtein.normalized_similarity(plain, _plain(other)) for other in others), default=0.0)


def _plain(text: str) -> str:
    """Without white space, in one width and case."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())

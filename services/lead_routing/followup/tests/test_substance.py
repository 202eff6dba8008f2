"""What counts as substantive."""

from __future__ import annotations

from typing import Any

import pytest

from services.lead_routing.followup.substance import is_repeated, why_not

NOTE = "客户确认三月底前需要报价，联系人换成王工"


def verdict(kind: Any, **more: Any) -> str | None:
    plain: dict[str, Any] = {
        "direction": None,
        "duration_s": None,
        "text": None,
        "has_next_step": False,
        "messages": frozenset(),
        "recent_notes": (),
    }
    return why_not(kind, **{**plain, **more})


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("call", {"duration_s": 30}, None),
        ("call", {"duration_s": 29}, "CALL_TOO_SHORT"),
        ("call", {}, "CALL_TOO_SHORT"),
        ("message", {"direction": "both"}, None),
        ("message", {"direction": "out"}, "ONE_WAY"),
        ("message", {"direction": "in", "messages": frozenset({"out"})}, None),
        ("visit", {}, None),
        ("meeting", {}, None),
        ("document", {}, None),
        ("next_step", {"has_next_step": True}, None),
        ("next_step", {}, "NO_NEXT_STEP"),
        ("view", {}, "VIEW"),
        ("note", {"text": "123456789"}, "NOTE_TOO_SHORT"),
        ("note", {"text": "1234567890"}, None),
        ("note", {"text": NOTE, "recent_notes": (NOTE,)}, "REPEATED_TEXT"),
        ("call", {"duration_s": 60, "text": NOTE, "recent_notes": (NOTE,)}, "REPEATED_TEXT"),
    ],
)
def test_evidence_decides_what_counts(kind: str, more: dict[str, Any], expected: str | None) -> None:
    """3.1.3-8"""
    assert verdict(kind, **more) == expected


def test_nine_tenths_of_the_three_grams_are_a_repetition_and_less_are_not() -> None:
    """3.1.3-8"""
    eighteen_grams = "abcdefghijklmnopqrst"
    assert is_repeated(eighteen_grams + "uv", [eighteen_grams])  # 18 of 20
    assert not is_repeated(eighteen_grams + "uvw", [eighteen_grams])  # 18 of 21
    assert is_repeated("客户 已 读\n不回", ["客户已读不回"])
    assert not is_repeated("", [""])

"""A fold that gives other rows has another version."""

from __future__ import annotations

from tests.golden import changed_silently, kept, today


def test_no_read_model_changed_under_its_version() -> None:
    """A deployed build of this version would not be what the code says."""
    assert changed_silently(kept(), today()) == []


def test_what_is_written_down_is_what_the_code_does() -> None:
    """`make contracts` writes it."""
    assert kept() == today()


def test_a_changed_fold_without_a_new_version_is_found() -> None:
    """The check can fail."""
    one = {"version": 1, "tables": "t", "facts": "f", "rows": "r"}
    assert changed_silently({"a": one}, {"a": {**one, "rows": "other"}}) == ["a"]
    assert changed_silently({"a": one}, {"a": {**one, "tables": "other"}}) == ["a"]
    assert changed_silently({"a": one}, {"a": {**one, "rows": "other", "version": 2}}) == []
    assert changed_silently({"a": one}, {"a": {**one, "rows": "other", "facts": "more"}}) == []

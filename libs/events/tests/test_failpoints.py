"""Named places at which a process fails: where they are, and when they act."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from libs.events import failpoints
from libs.events.failpoints import POINTS, Failed, arm, failpoint, parse

LIBS = Path(failpoints.__file__).parents[1]


def test_every_point_is_at_one_place_in_the_code() -> None:
    """A name that nothing passes would never fail."""
    texts = [path.read_text() for path in LIBS.rglob("*.py") if "tests" not in path.parts]
    placed = Counter(name for text in texts for name in re.findall(r'failpoint\("([a-z_.]+)"\)', text))
    assert placed == Counter(POINTS.keys())


def test_it_acts_at_the_wanted_time_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever tries again gets by."""
    arm("append.before=raise@2, relay.sent=sleep:0.01")
    try:
        failpoint("append.before")
        with pytest.raises(Failed):
            failpoint("append.before")
        failpoint("append.before")
        failpoint("relay.sent")
        failpoint("ingest.before")
    finally:
        arm("")
    assert [line.split('"name": ')[1].split(",")[0] for line in capfd.readouterr().err.splitlines()] == [
        '"append.before"',
        '"relay.sent"',
    ]


@pytest.mark.parametrize("text", ["append.before", "append.before=explode", "append.before=crash@0", "Append=crash"])
def test_what_is_no_failpoint_is_refused(text: str) -> None:
    """A typing error must not look like a test that passed."""
    with pytest.raises(ValueError, match="crash"):
        parse(text)

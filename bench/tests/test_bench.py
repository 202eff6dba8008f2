"""Every benchmark runs, at a scale at which its figures mean nothing."""

from __future__ import annotations

from bench.__main__ import GROUPS
from bench.frame import TINY, ground
from dev.processes import call


def test_every_figure_can_be_measured() -> None:
    """Values and baselines are above zero, and each goal is judged."""
    with ground(TINY) as place:
        found = [figure for figures in GROUPS.values() for figure in call(lambda figures=figures: figures(place))]  # type: ignore[misc]
    assert len({figure.name for figure in found}) == len(found) > 15
    for figure in found:
        assert figure.value >= 0, figure
        assert figure.baseline is None or figure.baseline > 0, figure
        assert bool(figure.goal) == (figure.met is not None), figure

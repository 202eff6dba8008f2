"""The weekly board: silent and stale leads, those cleared, those carried over, frozen for the meeting (S-51)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from libs.events.contracts.alerting import AlertingFact, BoardItem, BoardSnapshotTaken
from libs.events.contracts.common import Subject
from libs.events.deciding import Command, Decider, Given, States, StreamKind, StreamOf
from libs.rules.calendars import Calendars
from libs.service.organisation import Reach
from services.alerting.alert_rules.domain import SILENT, STALE
from services.alerting.alerts.domain import late_by
from services.alerting.boards.weeks import week_of

WEEKLY = "weekly"
BANDS = {STALE: "stale", SILENT: "silent"}
CLEARED = "cleared"
ORDER = {"stale": 0, "silent": 1, CLEARED: 3}
MOST_ITEMS = 800
"""So many items fit into a fact; the figures count all."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What an alert puts on the board, from `raised_at` until it is cleared."""

    alert_id: str
    rule_code: str
    subject_type: str
    subject_id: str
    owner_id: str | None
    since: datetime
    raised_at: datetime
    summary: str
    cleared_at: datetime | None = None

    def open_at(self, at: datetime) -> bool:
        """Whether it is on the board at an instant."""
        return self.raised_at <= at and (self.cleared_at is None or self.cleared_at > at)


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks that may be on a board, when its week or the board before it ended, and when all earlier ones were."""

    marks: Sequence[Mark] = ()
    begins: datetime | None = None
    earlier: Sequence[datetime] = ()

    def items(self, until: datetime) -> list[BoardItem]:
        """One line per subject as of `until`: the worst that is open, else what was cleared; the worst come first."""
        by_subject: dict[tuple[str, str], list[Mark]] = defaultdict(list)
        for mark in self.marks:
            if mark.open_at(until) or self._cleared(mark, until):
                by_subject[mark.subject_type, mark.subject_id].append(mark)
        items = [self._item(marks, until) for marks in by_subject.values()]
        return sorted(items, key=lambda item: (ORDER.get(item.band, 2), item.since, item.alert_id))

    def _cleared(self, mark: Mark, until: datetime) -> bool:
        cleared = mark.cleared_at
        return cleared is not None and cleared <= until and (self.begins is None or cleared > self.begins)

    def _item(self, marks: Sequence[Mark], until: datetime) -> BoardItem:
        standing = [mark for mark in marks if mark.open_at(until)]
        worst = min(standing or marks, key=lambda mark: (ORDER.get(_band(mark), 2), mark.raised_at, mark.alert_id))
        first = min(mark.raised_at for mark in standing or marks)
        return BoardItem(
            alert_id=worst.alert_id,
            rule_code=worst.rule_code,
            subject=Subject(type=worst.subject_type, id=worst.subject_id),
            owner_id=worst.owner_id,
            band=_band(worst) if standing else CLEARED,
            since=worst.since,
            weeks=sum(first <= closed < until for closed in self.earlier),
        )


def _band(mark: Mark) -> str:
    return BANDS.get(mark.rule_code, "open")


def figures(items: Iterable[BoardItem], team_of: Callable[[str], str | None]) -> dict[str, Any]:
    """How many items in each band and how many are carried over: in all, per rep and per team."""
    total: dict[str, int] = defaultdict(int)
    per_rep: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    per_team: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for item in items:
        rep = item.owner_id or ""
        for counts in (total, per_rep[rep], per_team[team_of(rep) or ""]):
            counts[item.band] += 1
            counts["carried_over"] += item.weeks > 0 and item.band != CLEARED
    return {
        **{name: total.get(name, 0) for name in ("silent", "stale", CLEARED, "carried_over")},
        "per_rep": {rep: dict(counts) for rep, counts in sorted(per_rep.items())},
        "per_team": {team: dict(counts) for team, counts in sorted(per_team.items())},
    }


class TakeBoard(Command):
    """Freeze the board that is closed at `due_at`."""

    due_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Board:
    """Whether the board of a week is frozen."""

    taken: bool = False


def evolve(board: Board, fact: Any) -> Board:
    """What a fact changes."""
    return Board(taken=True) if isinstance(fact, BoardSnapshotTaken) else board


BOARD = StreamKind("board", Board(), evolve)


def streams(states: States, command: TakeBoard, given: Given) -> list[StreamOf[Any]]:
    """The board of the week in the tenant's calendar."""
    return [BOARD.of(WEEKLY, _week(command, given))]


def _week(command: TakeBoard, given: Given) -> str:
    return week_of(given[Calendars].of(None).local_date(command.due_at))


def take_board(states: States, command: TakeBoard, given: Given) -> list[AlertingFact]:
    """As of the instant it is closed, however late that is recorded; once a week."""
    week = _week(command, given)
    if states[BOARD.of(WEEKLY, week)].taken:
        return []
    items = given[Marks].items(command.due_at)
    return [
        BoardSnapshotTaken(
            board=WEEKLY,
            week=week,
            items=items[:MOST_ITEMS],
            figures=figures(items, given[Reach].team_of),
            due_at=command.due_at,
            fired_at=given.now,
            late_by=late_by(command.due_at, given.now),
            calendar_version=given[Calendars].of(None).version,
        )
    ]


TAKE_BOARD = Decider("take-board", streams, take_board, consults=(Calendars, Marks, Reach))

"""The read model of calendars and rules: any order of streams gives the same rows, and the rule book reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.contracts.lead_routing import (
    CalendarAssigned,
    CalendarPublished,
    RepRegistered,
    RepTransferred,
    TenantAdded,
)
from libs.events.contracts.rules import RuleApproved, RuleLinted, RuleResumed
from libs.events.facts import Recorded
from libs.events.testing.folding import NOON, fold_all, recorded
from libs.rules.arrangements.china import china_calendar
from libs.rules.documents import KINDS, PublishedRule, RuleBook
from libs.rules.reference import REFERENCE
from libs.rules.reference_rows import CalendarAssignment, ReferenceChange, RuleDocument, RuleState, TeamMember
from libs.rules.tests.limits import (
    KIND,
    RETIRED,
    SUSPENDED,
    Limits,
    approved,
    drafted,
    published,
    rolled_back,
    simulated,
)
from libs.rules.tests.shuffling import interleavings

CN = china_calendar().model_dump(mode="json")
LATER = NOON + timedelta(days=30)
STORY = recorded(
    TenantAdded(tenant_id="demotenant", name="Demo", calendar_id="cn", admin_id="owner-he"),
    CalendarPublished(calendar_id="cn", version="1", document=CN),
    CalendarAssigned(scope="tenant", subject_id="demotenant", calendar_id="cn"),
    CalendarAssigned(scope="team", subject_id="team-east", calendar_id="berlin"),
    RepRegistered(rep_id="rep-li", name="Li", roles=["rep"], team_id="team-east", effective_from=NOON),
    RepTransferred(rep_id="rep-li", team_id="team-west", effective_from=LATER),
    drafted(12),
    simulated(12),
    approved("director-sun"),
    RuleLinted(rule_id="limits", document_hash="x", findings=[]),
    published(1, 12),
    SUSPENDED,
    RuleResumed(rule_id="limits", kind=KIND.kind, by="owner-he"),
    drafted(13),
    published(2, 13),
    rolled_back(3, 1, 12),
    drafted(14),
    RuleApproved(rule_id="limits", document_hash="other", by="director-sun"),
    CalendarPublished(calendar_id="cn", version="2", document={**CN, "version": "2"}),
)


def from_other_services(facts: list[Recorded[Any]]) -> list[Recorded[Any]]:
    """The rule's facts once more, as another service would write a rule with the same id."""
    return [
        replace(one, stream=one.stream.replace("lead-routing", "alerting"))
        for one in facts
        if one.fact.stream().startswith("rule-")
    ]


@given(interleavings(STORY + from_other_services(STORY)))
@settings(max_examples=60, deadline=None)
def test_any_order_of_streams_gives_the_same_rows(facts: list[Recorded[Any]]) -> None:
    assert fold_all(REFERENCE, facts) == fold_all(REFERENCE, STORY + from_other_services(STORY))


def rows_of(kind: type[Any], *facts: Any) -> list[Any]:
    return [row for _, _, row in fold_all(REFERENCE, recorded(*facts)) if isinstance(row, kind)]


def test_every_version_is_kept_as_it_was_published() -> None:
    """3.0: versions are immutable."""
    versions = [row for _, _, row in fold_all(REFERENCE, STORY) if isinstance(row, RuleDocument)]
    assert [(row.version, row.document["hours"], row.restored_version) for row in versions] == [
        (1, 12, None),
        (2, 13, None),
        (3, 12, 1),
    ]


def test_the_state_of_a_rule_shows_its_draft_beside_what_holds() -> None:
    (state,) = [row for _, _, row in fold_all(REFERENCE, STORY) if isinstance(row, RuleState)]
    assert (state.last_version, state.draft and state.draft["hours"], state.simulated_at) == (3, 14, None)


def test_a_new_draft_loses_what_was_found_about_the_old_one() -> None:
    (state,) = rows_of(RuleState, drafted(12), simulated(12), approved("director-sun"), drafted(13))
    assert (state.simulation, state.approved_by, state.findings) == (None, None, None)


def test_a_teams_and_a_tenants_calendar_are_told_apart() -> None:
    rows = [row for _, _, row in fold_all(REFERENCE, STORY) if isinstance(row, CalendarAssignment)]
    assert {(row.scope, row.calendar_id) for row in rows} == {("default", "cn"), ("tenant", "cn"), ("team", "berlin")}


def test_planned_transfers_stand_beside_the_present_team() -> None:
    rows = [row for _, _, row in fold_all(REFERENCE, STORY) if isinstance(row, TeamMember)]
    assert {(row.team_id, row.effective_from) for row in rows} == {("team-east", NOON), ("team-west", LATER)}


@given(st.integers(min_value=1, max_value=len(STORY)))
def test_the_marker_grows_with_every_fact(count: int) -> None:
    def marker(facts: list[Recorded[Any]]) -> int:
        return sum(row.version for _, _, row in fold_all(REFERENCE, facts) if isinstance(row, ReferenceChange))

    assert marker(STORY[:count]) == marker(STORY[: count - 1]) + 1


def rule(rule_id: str, version: int, hours: int = 12, *, suspended: bool = False, days: int = 0) -> PublishedRule:
    return PublishedRule(
        rule_id,
        version,
        KIND.kind,
        document={"hours": hours},
        suspended=suspended,
        published_at=NOON + timedelta(days=days),
    )


def test_without_any_publication_the_shipped_rule_holds_as_version_0() -> None:
    book = RuleBook()
    assert (book.only(KIND.kind).version, book.only(KIND.kind).parsed(Limits).hours) == (0, 24)
    assert book.get("limits") == book.version("limits", 0) == KINDS[KIND.kind].default
    assert book.published(KIND.kind) == []
    assert book.get("unknown") is None


def test_the_rule_book_gives_the_newest_version_and_keeps_the_others() -> None:
    book = RuleBook([rule("limits", 2, 13), rule("limits", 1, 12)])
    newest = book.get("limits")
    assert newest is not None
    assert (newest.version, newest.parsed(Limits).hours) == (2, 13)
    earlier = book.version("limits", 1)
    assert earlier is not None
    assert earlier.parsed(Limits) is earlier.parsed(Limits)
    assert [one.version for one in book.published(KIND.kind)] == [2]
    assert book.version("limits", 3) is None


def test_suspended_and_retired_rules_do_not_hold() -> None:
    book = RuleBook([rule("limits", 1, suspended=True), rule("other", 4)], retired={"other"})
    assert book.published(KIND.kind) == []
    assert book.only(KIND.kind).version == 0
    suspended = book.get("limits")
    assert suspended is not None
    assert suspended.suspended
    assert book.get("other") is None
    assert book.version("other", 4) is not None


def test_of_several_rules_the_one_published_last_is_the_only_one() -> None:
    book = RuleBook([rule("limits", 9), rule("other", 1, days=1)])
    assert book.only(KIND.kind).ref.rule_id == "other"


def test_retiring_keeps_the_versions_readable() -> None:
    (state,) = rows_of(RuleState, drafted(), published(), RETIRED)
    assert (state.retired, state.last_version) == (True, 1)

"""The life of a rule document: who may do what when, and that what was published never changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.events.contracts.rules import (
    RuleLinted,
    RuleResumed,
)
from libs.events.errors import NotFound
from libs.events.facts import Fact
from libs.events.testing.decisions import NOON, given
from libs.rules.documents import document_hash
from libs.rules.lifecycle import (
    APPROVE,
    DRAFT,
    LINT,
    PUBLISH,
    RESUME,
    RETIRE,
    ROLL_BACK,
    SIMULATE,
    SUSPEND,
)
from libs.rules.rule_commands import (
    ApproveRule,
    DraftRule,
    LintRule,
    PublishRule,
    ResumeRule,
    RetireRule,
    RollbackRule,
    SimulateRule,
    SuspendRule,
)
from libs.rules.tests.limits import (
    HE,
    KIND,
    RETIRED,
    STRICT,
    SUN,
    SUSPENDED,
    approved,
    drafted,
    normal,
    published,
    rolled_back,
    simulated,
)

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


def draft(hours: int = 12, **changes: object) -> DraftRule:
    return DraftRule.model_validate(
        {"rule_id": "limits", "kind": KIND.kind, "name": "Limits", "document": {"hours": hours}, **changes}
    )


PUBLISH_IT = PublishRule(rule_id="limits", kind=KIND.kind)
SUSPEND_IT = SuspendRule(rule_id="limits", kind=KIND.kind, reason="too loud")


def test_a_draft_is_kept_with_its_defaults_written_out() -> None:
    given(DRAFT).when(draft(12), actor=HE).then(drafted(12))


def test_drafting_the_same_again_changes_nothing() -> None:
    given(DRAFT, drafted(12)).when(draft(12), actor=SUN).then()


def test_a_document_that_its_model_refuses_is_not_drafted() -> None:
    refusal = given(DRAFT).when(draft(0), actor=HE).then_rejected("VALIDATION")
    assert refusal.details["errors"][0]["pointer"] == "/document/hours"


def test_an_id_of_another_kind_is_taken() -> None:
    given(DRAFT, drafted()).when(draft(kind=STRICT.kind), actor=HE).then_rejected("CONFLICT_STATE")


def test_what_a_check_finds_is_kept() -> None:
    found = [{"severity": "warning", "path": "hours", "message": "long"}]
    given(LINT, drafted(72)).when(LintRule(rule_id="limits", kind=KIND.kind)).then(
        RuleLinted(rule_id="limits", document_hash=document_hash(normal(72)), findings=found)
    )


def test_a_simulation_of_another_draft_is_refused() -> None:
    command = SimulateRule(
        rule_id="limits", kind=KIND.kind, document_hash=document_hash(normal(13)), report={"replayed": 3}
    )
    given(SIMULATE, drafted(13)).when(command).then(simulated(13))
    given(SIMULATE, drafted(12)).when(command).then_rejected("CONFLICT_STATE")


def test_a_draft_is_published_with_a_simulation_of_the_last_24_hours() -> None:
    scene = given(PUBLISH, drafted(), simulated())
    scene.when(PUBLISH_IT, NOON, actor=HE).then(published())
    assert scene.when(PUBLISH_IT, NOON + DAY, actor=HE).refusal is None
    scene.when(PUBLISH_IT, NOON + DAY + SECOND, actor=HE).then_rejected("SIMULATION_REQUIRED")


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param((drafted(),), id="none"),
        pytest.param((drafted(12), simulated(12), drafted(13)), id="of another draft"),
        pytest.param((drafted(12), simulated(12), drafted(12, scope="team-east")), id="for another scope"),
        pytest.param((drafted(12), simulated(12), published(), drafted(12)), id="of what was published before"),
    ],
)
def test_without_a_fresh_simulation_of_this_draft_it_is_not_published(facts: tuple[Fact, ...]) -> None:
    given(PUBLISH, *facts).when(PUBLISH_IT, actor=HE).then_rejected("SIMULATION_REQUIRED")


def test_in_an_emergency_a_reason_stands_in_for_the_simulation_and_is_kept() -> None:
    """S-107"""
    command = PublishRule(rule_id="limits", kind=KIND.kind, override="leads are lost every minute")
    given(PUBLISH, drafted()).when(command, actor=HE).then(published(override="leads are lost every minute"))


def test_a_draft_with_errors_is_never_published() -> None:
    command = PublishRule(rule_id="limits", kind=KIND.kind, override="now")
    refusal = given(PUBLISH, drafted(200), simulated(200)).when(command).then_rejected("DRAFT_HAS_ERRORS")
    assert refusal.details["findings"][0]["path"] == "hours"


def test_publishing_twice_publishes_once() -> None:
    given(PUBLISH, drafted(), simulated(), published()).when(PUBLISH_IT, actor=HE).then()


def test_the_next_draft_becomes_the_next_version() -> None:
    facts = (drafted(), simulated(), published(), drafted(13), simulated(13))
    given(PUBLISH, *facts).when(PUBLISH_IT, actor=HE).then(published(2, 13))


def test_the_drafter_does_not_approve_where_four_eyes_are_needed() -> None:
    command = ApproveRule(rule_id="limits", kind=STRICT.kind)
    scene = given(APPROVE, drafted(kind=STRICT))
    scene.when(command, actor=HE).then_rejected("NOT_PERMITTED")
    scene.when(command, actor=SUN).then(approved(SUN.id))


def test_approving_twice_approves_once() -> None:
    given(APPROVE, drafted(), approved(SUN.id)).when(ApproveRule(rule_id="limits", kind=KIND.kind), actor=SUN).then()


def test_an_approval_names_the_draft_that_was_read() -> None:
    command = ApproveRule(rule_id="limits", kind=KIND.kind, document_hash=document_hash(normal(12)))
    given(APPROVE, drafted(12), drafted(13)).when(command, actor=SUN).then_rejected("CONFLICT_STATE")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param((), "APPROVAL_REQUIRED", id="nobody"),
        pytest.param((approved(HE.id),), "APPROVAL_REQUIRED", id="only the drafter"),
        pytest.param(
            (approved(SUN.id), drafted(kind=STRICT, scope="team-east")), "APPROVAL_REQUIRED", id="another draft"
        ),
        pytest.param((approved(SUN.id),), None, id="somebody else"),
    ],
)
def test_four_eyes_are_needed_even_in_an_emergency(facts: tuple[Fact, ...], code: str | None) -> None:
    command = PublishRule(rule_id="limits", kind=STRICT.kind, override="now")
    outcome = given(PUBLISH, drafted(kind=STRICT), *facts).when(command, actor=HE)
    assert (outcome.refusal.code if outcome.refusal else None) == code


def test_a_suspended_rule_is_resumed_or_published_again() -> None:
    scene = (drafted(), simulated(), published())
    given(SUSPEND, *scene).when(SUSPEND_IT, actor=HE).then(SUSPENDED)
    given(SUSPEND, *scene, SUSPENDED).when(SUSPEND_IT, actor=HE).then()
    resume = ResumeRule(rule_id="limits", kind=KIND.kind)
    given(RESUME, *scene, SUSPENDED).when(resume, actor=HE).then(
        RuleResumed(rule_id="limits", kind=KIND.kind, by=HE.id)
    )
    given(RESUME, *scene).when(resume, actor=HE).then()
    given(RESUME, *scene, SUSPENDED, drafted(13), published(2, 13)).when(resume, actor=HE).then()


def test_only_what_was_published_is_suspended() -> None:
    given(SUSPEND, drafted()).when(SUSPEND_IT, actor=HE).then_rejected("CONFLICT_STATE")


def test_a_retired_rule_does_not_come_back() -> None:
    history = (drafted(), published(), RETIRED)
    given(RETIRE, drafted(), published()).when(
        RetireRule(rule_id="limits", kind=KIND.kind, reason="over"), actor=HE
    ).then(RETIRED)
    given(RETIRE, *history).when(RetireRule(rule_id="limits", kind=KIND.kind, reason="again"), actor=HE).then()
    given(DRAFT, *history).when(draft(13), actor=HE).then_rejected("CONFLICT_STATE")
    given(PUBLISH, *history).when(PUBLISH_IT, actor=HE).then_rejected("CONFLICT_STATE")
    given(SUSPEND, *history).when(SUSPEND_IT, actor=HE).then_rejected("CONFLICT_STATE")


def back_to(version: int) -> RollbackRule:
    return RollbackRule(rule_id="limits", kind=KIND.kind, version=version, reason="worse")


def test_rolling_back_makes_a_new_version_of_an_old_document() -> None:
    facts = (published(1, 12), drafted(13), published(2, 13))
    given(ROLL_BACK, *facts).when(back_to(1), actor=HE).then(rolled_back(3, 1, 12))
    given(ROLL_BACK, *facts, rolled_back(3, 1, 12)).when(back_to(1), actor=HE).then()
    given(ROLL_BACK, *facts, rolled_back(3, 1, 12)).when(back_to(2), actor=HE).then(rolled_back(4, 2, 13))


def test_rolling_back_to_version_0_restores_the_shipped_document() -> None:
    given(ROLL_BACK, published(1, 12)).when(back_to(0), actor=HE).then(rolled_back(2, 0, 24, "limits"))


def test_a_version_that_never_was_cannot_be_restored() -> None:
    with pytest.raises(NotFound):
        given(ROLL_BACK, published()).when(back_to(7), actor=HE)


@pytest.mark.parametrize(
    ("decider", "command"),
    [
        (PUBLISH, PublishRule(rule_id="limits", kind=STRICT.kind)),
        (SUSPEND, SuspendRule(rule_id="limits", kind=STRICT.kind, reason="x")),
        (LINT, LintRule(rule_id="unknown", kind=KIND.kind)),
    ],
)
def test_a_rule_is_only_found_under_its_own_kind(decider: object, command: object) -> None:
    with pytest.raises(NotFound):
        given(decider, drafted(), published()).when(command)  # type: ignore[arg-type]

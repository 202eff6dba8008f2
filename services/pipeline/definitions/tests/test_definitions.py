"""The shipped pipeline and the checks of drafts."""

from __future__ import annotations

from typing import Any

from services.pipeline.definitions.default import DEFAULT_DEFINITION
from services.pipeline.definitions.domain import PipelineDefinition
from services.pipeline.definitions.lint import lint
from services.pipeline.definitions.simulation import report_on


def definition(**changes: Any) -> PipelineDefinition:
    """The shipped definition with changes."""
    return PipelineDefinition.model_validate({**DEFAULT_DEFINITION, **changes})


def test_the_shipped_pipeline_has_six_stages_and_the_action_package_of_the_source() -> None:
    """S-16, S-32"""
    shipped = definition()
    assert [stage.name.zh for stage in shipped.path] == [
        "初步接触",
        "需求诊断",
        "方案设计",
        "方案报价",
        "合同签订",
        "交付实施",
    ]
    assert [one.code for one in shipped.gate("demand_diagnosis").requirements] == [
        "meeting_minutes",
        "competitor_comparison_table",
        "budget_confirmation_screenshot",
    ]
    assert not lint(shipped)


def test_forward_is_one_stage_and_winning_is_after_the_contract() -> None:
    """3.2.3-3"""
    shipped = definition()
    assert shipped.may_advance("first_contact", "demand_diagnosis")
    assert not shipped.may_advance("first_contact", "solution_design")
    assert [code for code in shipped.codes if shipped.may_win(code)] == ["contract_signing", "delivery"]


def test_the_matrix_can_close_a_way_that_is_open_by_default() -> None:
    moves = [{"from_stage": "first_contact", "to_stage": "demand_diagnosis", "kind": "forward", "allowed": False}]
    assert not definition(moves=moves).may_advance("first_contact", "demand_diagnosis")


def test_lint_finds_what_cannot_work() -> None:
    words = {"zh": "需要", "en": "needed"}
    broken = definition(
        stages=[*DEFAULT_DEFINITION["stages"][:7], DEFAULT_DEFINITION["stages"][0]],
        moves=[
            {"from_stage": "quotation", "to_stage": "first_contact", "kind": "back", "allowed": False},
            {"from_stage": "quotation", "to_stage": "nowhere", "kind": "forward"},
            {"from_stage": "first_contact", "to_stage": "quotation", "kind": "forward"},
        ],
        gates=[
            {
                "stage": "nowhere",
                "requirements": [
                    {"code": "a", "type": "attachment", "explain": words, "how_to_fix": words, "mime": ["video/mp4"]},
                    {"code": "a", "type": "checklist", "explain": words, "how_to_fix": words},
                    {"code": "b", "type": "field_present", "explain": words, "how_to_fix": words},
                ],
            }
        ],
    )
    told = " | ".join(f"{one.path}: {one.message}" for one in lint(broken) if one.severity == "error")
    for part in (
        "the code first_contact appears 2 times",
        "exactly one stage is of kind lost",
        "moving back and losing are always allowed",
        "moves/1: names a stage",
        "moves/2/kind: this move is not of kind forward",
        "gates/0/stage: names a stage",
        "the code a appears 2 times",
        "requirements/0: an attachment says what kind",
        "requirements/0/mime: files of these types",
        "requirements/1: a checklist has items",
        "requirements/2: field_present names a field",
    ):
        assert part in told, told


def test_a_simulation_counts_what_a_draft_would_have_stopped_and_which_of_it_was_won() -> None:
    """3.2.9-6"""
    words = {"zh": "需要", "en": "needed"}
    asks = {"code": "bant", "type": "confirmation", "explain": words, "how_to_fix": words}
    draft = definition(gates=[{"stage": "first_contact", "requirements": [asks]}])
    transitions = [
        {"opportunity_id": "a", "stage": "first_contact", "state": "won", "done": []},
        {"opportunity_id": "a", "stage": "quotation", "state": "won", "done": []},
        {"opportunity_id": "b", "stage": "first_contact", "state": "lost", "done": []},
        {"opportunity_id": "c", "stage": "first_contact", "state": "won", "done": ["bant"]},
    ]
    assert report_on(transitions, draft) == {
        "replayed": 4,
        "would_block": 2,
        "blocked_opportunities": 2,
        "won_opportunities": 2,
        "blocked_won_opportunities": 1,
        "blocked_won": ["a"],
        "by_requirement": {"bant": 2},
    }

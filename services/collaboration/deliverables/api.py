"""Deliverable templates over HTTP: their life cycle, and which one holds for each scene."""

from __future__ import annotations

from fastapi import APIRouter

from libs.rules.documents import RuleBook, RuleKind, register_kind
from libs.rules.reference import load_rulebook
from libs.service.callers import Anybody
from libs.service.http import Read, View, problems
from libs.service.rules import rule_router
from services.collaboration.deliverables.domain import KIND, SHIPPED, DeliverableTemplate, lint, template_of

_FIRST = SHIPPED["marketing_lead_handoff"]
TEMPLATES = register_kind(
    RuleKind(
        kind=KIND,
        model=DeliverableTemplate,
        default_id=_FIRST.rule_id,
        default_document=_FIRST.document.model_dump(mode="json"),
        default_name=_FIRST.document.name,
        lint=lint,
    )
)

router = APIRouter(tags=["scenes"])
templates = rule_router("deliverable-templates", TEMPLATES)


class SceneView(View):
    """A scene in which work is handed over; version 0 is the shipped template."""

    scene: str
    rule_id: str
    version: int
    template: DeliverableTemplate


class Scenes(View):
    """All scenes, by name."""

    items: list[SceneView]


@router.get("/scenes", operation_id="listScenes", responses=problems(403))
async def list_scenes(who: Anybody, read: Read) -> Scenes:
    """What must be handed over in each scene, by the template that holds now."""
    rules = await load_rulebook(read)
    return Scenes(items=[view for scene in _scenes(rules) if (view := _view(scene, rules))])


def _scenes(rules: RuleBook) -> list[str]:
    return sorted({*SHIPPED, *(str(rule.document["scene"]) for rule in rules.published(KIND))})


def _view(scene: str, rules: RuleBook) -> SceneView | None:
    template = template_of(scene, rules)
    if template is None:
        return None
    return SceneView(scene=scene, rule_id=template.rule_id, version=template.version, template=template.document)

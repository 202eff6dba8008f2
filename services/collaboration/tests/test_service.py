"""The service describes itself: every route has a guard and a name of its own."""

from typing import get_args

from libs.service.app import create_app
from services.collaboration.handoffs.board import State
from services.collaboration.handoffs.course import OPEN
from services.collaboration.service import SERVICE


def test_the_routes_of_the_product_text_are_there() -> None:
    """3.3.6"""
    paths = create_app(SERVICE).openapi()["paths"]
    verbs = ("submit", "accept", "return", "pause", "resume", "deliver", "confirm", "cancel", "items", "comments")
    expected = {f"/v1/handoffs/{{handoff_id}}/{verb}" for verb in verbs} | {
        "/v1/handoffs",
        "/v1/handoffs/{handoff_id}",
        "/v1/handoffs/{handoff_id}/clarifications",
        "/v1/handoffs/{handoff_id}/clarifications/{clarification_id}/answer",
        "/v1/collab-events",
        "/v1/todos",
        "/v1/todos/{todo_id}/complete",
        "/v1/deliverable-templates",
        "/v1/flows",
        "/v1/flows/{rule_id}/publish",
        "/v1/scenes",
        "/v1/ownerless-steps",
    }
    assert expected <= set(paths)


def test_every_state_can_be_asked_for() -> None:
    assert set(get_args(State)) == {*OPEN, "confirmed", "cancelled", "paused"}

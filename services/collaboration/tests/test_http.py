"""A handoff over HTTP, seen by both sides and by nobody else."""

from __future__ import annotations

from libs.events.contracts.examples.ids import DELIVERY_HEAD_WU, DELIVERY_QIAN, LEAD_1, OWNER_HE, REP_LI
from services.collaboration.tests.conftest import Desk

CODES = ("customer_profile", "touch_records", "initial_intent_grade")


async def test_a_handoff_is_refused_then_submitted_accepted_delivered_and_confirmed(desk: Desk) -> None:
    """3.3.8-1, 3.3.6"""
    body = {"scene": "marketing_lead_handoff", "subject_type": "lead", "subject_id": LEAD_1, "to_person": DELIVERY_QIAN}
    draft = await desk(REP_LI, "POST", "/handoffs", body)
    assert draft.status_code == 201, draft.text
    handoff = f"/handoffs/{draft.json()['id']}"
    again = await desk(REP_LI, "POST", "/handoffs", body)
    assert (again.status_code, again.json()["code"]) == (409, "HANDOFF_OPEN")
    assert again.json()["open_handoff"] == draft.json()["id"]

    items = [{"code": code, "value": "there"} for code in CODES]
    refused = await desk(REP_LI, "POST", f"{handoff}/submit", {"items": [items[0], items[2]]})
    assert (refused.status_code, refused.json()["missing"]) == (422, ["touch_records"])
    foreseen = await desk(REP_LI, "POST", f"{handoff}/submit?dry_run=true", {"items": items[:1]})
    assert foreseen.json()["violations"][0]["missing"] == ["touch_records", "initial_intent_grade"]
    assert (await desk(REP_LI, "POST", f"{handoff}/submit", {"items": items})).status_code == 200

    board = (await desk(DELIVERY_QIAN, "GET", "/handoffs?state=awaiting_acceptance&dept=delivery")).json()["items"]
    assert [(row["handoff_id"], row["completeness"], row["stalled"]) for row in board] == [
        (draft.json()["id"], "3/3", False)
    ]
    assert board[0]["clock"]["waiting_for"] == "receiver"
    assert board[0]["clock"]["stalls_at"] == "2026-03-02T03:00:01Z"
    todos = (await desk(DELIVERY_QIAN, "GET", f"/todos?assignee={DELIVERY_QIAN}&state=open")).json()["items"]
    assert [todo["source"] for todo in todos] == [f"handoff-{draft.json()['id']}"]
    hidden = await desk("rep-chen", "GET", handoff)
    assert hidden.status_code == 404

    assert (await desk(REP_LI, "POST", f"{handoff}/accept")).status_code == 403
    question = await desk(DELIVERY_QIAN, "POST", f"{handoff}/clarifications", {"question": "Which budget?"})
    path = f"{handoff}/clarifications/{question.json()['id']}/answer"
    assert (await desk(REP_LI, "POST", path, {"answer": "80,000"})).status_code == 200
    assert (await desk(DELIVERY_QIAN, "POST", f"{handoff}/accept")).status_code == 200
    piece = {"item": {"code": "first_call", "value": "done"}}
    assert (await desk(DELIVERY_QIAN, "POST", f"{handoff}/items", piece)).status_code == 200
    assert (await desk(DELIVERY_QIAN, "POST", f"{handoff}/deliver", {})).status_code == 200
    poor = await desk(REP_LI, "POST", f"{handoff}/confirm", {"rating": 1})
    assert (poor.status_code, poor.json()["code"]) == (422, "VALIDATION")
    assert (await desk(REP_LI, "POST", f"{handoff}/confirm", {"rating": 4})).status_code == 200

    seen = await desk(DELIVERY_HEAD_WU, "GET", handoff)
    detail = seen.json()
    assert (detail["state"], detail["rating"]) == ("confirmed", 4)
    assert [question["answer"] for question in detail["clarifications"]] == ["80,000"]
    assert [step["version"] for step in detail["trace"]] == list(range(1, detail["version"] + 1))
    assert seen.headers["ETag"] == f'"{detail["version"]}"'


async def test_the_legal_review_gives_the_delivery_manager_a_to_do(desk: Desk) -> None:
    """S-39, S-40"""
    event = {"kind": "legal_review_done", "subject_type": "opportunity", "subject_id": "deal-7"}
    assert (await desk(REP_LI, "POST", "/collab-events", event)).status_code == 201
    listed = (await desk(REP_LI, "GET", "/collab-events?kind=legal_review_done")).json()["items"]
    assert [one["subject_id"] for one in listed] == ["deal-7"]
    todos = (await desk(DELIVERY_HEAD_WU, "GET", f"/todos?assignee={DELIVERY_HEAD_WU}&state=open")).json()["items"]
    assert [todo["title"] for todo in todos] == ["Start implementation preparation"]
    done = await desk(DELIVERY_HEAD_WU, "POST", f"/todos/{todos[0]['todo_id']}/complete", {"outcome": "plan is there"})
    assert done.status_code == 200
    left = (await desk(DELIVERY_HEAD_WU, "GET", f"/todos?assignee={DELIVERY_HEAD_WU}&state=open")).json()
    assert left == {"items": [], "next": None}


async def test_lists_go_on_where_the_page_before_ended(desk: Desk) -> None:
    for number in range(3):
        event = {"kind": "birthday", "subject_type": "account", "subject_id": f"account-{number}"}
        assert (await desk(OWNER_HE, "POST", "/collab-events", event)).status_code == 201
        body = {
            "scene": "renewal", "subject_type": "account", "subject_id": f"account-{number}",
            "from_person": REP_LI, "to_person": DELIVERY_QIAN,
        }  # fmt: skip
        draft = await desk(OWNER_HE, "POST", "/handoffs", body)
        assert draft.status_code == 201, draft.text
    for path in ("/collab-events?kind=birthday&limit=2", f"/handoffs?person={DELIVERY_QIAN}&state=drafted&limit=2"):
        first = (await desk(OWNER_HE, "GET", path)).json()
        second = (await desk(OWNER_HE, "GET", f"{path}&cursor={first['next']}")).json()
        found = [one["subject_id"] for one in (*first["items"], *second["items"])]
        assert sorted(found) == ["account-0", "account-1", "account-2"]
        assert second["next"] is None


async def test_scenes_and_rules_are_there_from_the_start(desk: Desk) -> None:
    """3.3.1"""
    scenes = {one["scene"]: one for one in (await desk(REP_LI, "GET", "/scenes")).json()["items"]}
    assert set(scenes) >= {"marketing_lead_handoff", "solution_confirmation", "delivery_lock", "legal_done"}
    assert scenes["renewal"]["template"]["stall"]["limit_h"] == "2"
    assert (await desk(REP_LI, "GET", "/flows/collab-flow")).status_code == 200
    template = {"scene": "demo", "name": "Demo", "items": [{"code": "agenda", "name": "Agenda"}]}
    draft = await desk(OWNER_HE, "POST", "/deliverable-templates", {"name": "Demo", "document": template})
    assert draft.status_code == 201, draft.text
    assert (await desk(OWNER_HE, "GET", "/ownerless-steps")).json()["items"] == []

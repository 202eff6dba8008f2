"""A handoff over HTTP, seen by both sides and by nobody else."""

from __future__ import annotations

from libs.events.contracts.examples.ids import DELIVERY_HEAD_WU, DELIVERY_QIAN, LEAD_1, OWNER_HE, REP_LI
from libs.service.testing.office import Office

CODES = ("customer_profile", "touch_records", "initial_intent_grade")


async def test_a_handoff_is_refused_then_submitted_accepted_delivered_and_confirmed(office: Office) -> None:
    """3.3.8-1, 3.3.6"""
    body = {"scene": "marketing_lead_handoff", "subject_type": "lead", "subject_id": LEAD_1, "to_person": DELIVERY_QIAN}
    created = await office.request(REP_LI, "POST", "/handoffs", body)
    assert created.status_code == 201, created.text
    draft = created.json()
    handoff = f"/handoffs/{draft['id']}"
    again = await office.refused(REP_LI, "/handoffs", body)
    assert (again["status"], again["code"]) == (409, "HANDOFF_OPEN")
    assert again["open_handoff"] == draft["id"]

    items = [{"code": code, "value": "there"} for code in CODES]
    refused = await office.refused(REP_LI, f"{handoff}/submit", {"items": [items[0], items[2]]})
    assert (refused["status"], refused["missing"]) == (422, ["touch_records"])
    foreseen = await office.post(REP_LI, f"{handoff}/submit?dry_run=true", {"items": items[:1]})
    assert foreseen["violations"][0]["missing"] == ["touch_records", "initial_intent_grade"]
    await office.post(REP_LI, f"{handoff}/submit", {"items": items})

    board = await office.items(DELIVERY_QIAN, "/handoffs?state=awaiting_acceptance&dept=delivery")
    assert [(row["handoff_id"], row["completeness"], row["stalled"]) for row in board] == [(draft["id"], "3/3", False)]
    assert board[0]["clock"]["waiting_for"] == "receiver"
    assert board[0]["clock"]["stalls_at"] == "2026-03-02T03:00:01Z"
    todos = await office.items(DELIVERY_QIAN, f"/todos?assignee={DELIVERY_QIAN}&state=open")
    assert [todo["source"] for todo in todos] == [f"handoff-{draft['id']}"]
    hidden = await office.request("rep-chen", "GET", handoff)
    assert hidden.status_code == 404

    assert (await office.request(REP_LI, "POST", f"{handoff}/accept")).status_code == 403
    question = await office.post(DELIVERY_QIAN, f"{handoff}/clarifications", {"question": "Which budget?"})
    path = f"{handoff}/clarifications/{question['id']}/answer"
    await office.post(REP_LI, path, {"answer": "80,000"})
    await office.post(DELIVERY_QIAN, f"{handoff}/accept")
    piece = {"item": {"code": "first_call", "value": "done"}}
    await office.post(DELIVERY_QIAN, f"{handoff}/items", piece)
    await office.post(DELIVERY_QIAN, f"{handoff}/deliver", {})
    poor = await office.refused(REP_LI, f"{handoff}/confirm", {"rating": 1})
    assert (poor["status"], poor["code"]) == (422, "VALIDATION")
    await office.post(REP_LI, f"{handoff}/confirm", {"rating": 4})

    seen = await office.request(DELIVERY_HEAD_WU, "GET", handoff)
    detail = seen.json()
    assert (detail["state"], detail["rating"]) == ("confirmed", 4)
    assert [question["answer"] for question in detail["clarifications"]] == ["80,000"]
    assert [step["version"] for step in detail["trace"]] == list(range(1, detail["version"] + 1))
    assert seen.headers["ETag"] == f'"{detail["version"]}"'


async def test_the_legal_review_gives_the_delivery_manager_a_to_do(office: Office) -> None:
    """S-39, S-40"""
    event = {"kind": "legal_review_done", "subject_type": "opportunity", "subject_id": "deal-7"}
    assert (await office.request(REP_LI, "POST", "/collab-events", event)).status_code == 201
    listed = await office.items(REP_LI, "/collab-events?kind=legal_review_done")
    assert [one["subject_id"] for one in listed] == ["deal-7"]
    todos = await office.items(DELIVERY_HEAD_WU, f"/todos?assignee={DELIVERY_HEAD_WU}&state=open")
    assert [todo["title"] for todo in todos] == ["Start implementation preparation"]
    await office.post(DELIVERY_HEAD_WU, f"/todos/{todos[0]['todo_id']}/complete", {"outcome": "plan is there"})
    left = await office.get(DELIVERY_HEAD_WU, f"/todos?assignee={DELIVERY_HEAD_WU}&state=open")
    assert left == {"items": [], "next": None}


async def test_lists_go_on_where_the_page_before_ended(office: Office) -> None:
    for number in range(3):
        event = {"kind": "birthday", "subject_type": "account", "subject_id": f"account-{number}"}
        assert (await office.request(OWNER_HE, "POST", "/collab-events", event)).status_code == 201
        body = {
            "scene": "renewal", "subject_type": "account", "subject_id": f"account-{number}",
            "from_person": REP_LI, "to_person": DELIVERY_QIAN,
        }  # fmt: skip
        draft = await office.request(OWNER_HE, "POST", "/handoffs", body)
        assert draft.status_code == 201, draft.text
    for path in ("/collab-events?kind=birthday&limit=2", f"/handoffs?person={DELIVERY_QIAN}&state=drafted&limit=2"):
        first = await office.get(OWNER_HE, path)
        second = await office.get(OWNER_HE, f"{path}&cursor={first['next']}")
        found = [one["subject_id"] for one in (*first["items"], *second["items"])]
        assert sorted(found) == ["account-0", "account-1", "account-2"]
        assert second["next"] is None


async def test_scenes_and_rules_are_there_from_the_start(office: Office) -> None:
    """3.3.1"""
    scenes = {one["scene"]: one for one in await office.items(REP_LI, "/scenes")}
    assert set(scenes) >= {"marketing_lead_handoff", "solution_confirmation", "delivery_lock", "legal_done"}
    assert scenes["renewal"]["template"]["stall"]["limit_h"] == "2"
    await office.get(REP_LI, "/flows/collab-flow")
    template = {"scene": "demo", "name": "Demo", "items": [{"code": "agenda", "name": "Agenda"}]}
    draft = await office.request(OWNER_HE, "POST", "/deliverable-templates", {"name": "Demo", "document": template})
    assert draft.status_code == 201, draft.text
    assert await office.items(OWNER_HE, "/ownerless-steps") == []

"""The collaboration service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from collections.abc import Sequence

from libs.events.reading import Reader
from libs.rules.reference import REFERENCE
from libs.service.auth import Person
from libs.service.organisation import PEOPLE, visible_people
from libs.service.service import Resource, Service
from services.collaboration.collab_events import api as collab_events
from services.collaboration.collab_events.projections import COLLAB_EVENTS
from services.collaboration.deliverables import api as deliverables
from services.collaboration.handoffs import api as handoffs
from services.collaboration.handoffs import board
from services.collaboration.handoffs.projections import HANDOFFS
from services.collaboration.handoffs.reactions import LOST_DEALS
from services.collaboration.todos import api as todos
from services.collaboration.todos.projections import OWNERLESS_STEPS, TODOS


async def visible_handoffs(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those that involve people whose work the person may see."""
    rows = await read(HANDOFFS).fetch(
        f"select h.handoff_id from handoffs h where h.tenant = $1 and {board.MINE} and h.handoff_id = any($3)",
        await visible_people(read, who),
        list(ids),
    )
    return {row["handoff_id"] for row in rows}


async def visible_todos(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those of people whose work the person may see."""
    rows = await read(TODOS).fetch(
        "select todo_id from todos where tenant = $1 and ($2::text[] is null or assignee = any($2))"
        " and todo_id = any($3)",
        await visible_people(read, who),
        list(ids),
    )
    return {row["todo_id"] for row in rows}


SERVICE = Service(
    name="collaboration",
    title="Handoffs between departments, to-dos, collaboration events",
    listens=("lead-routing", "pipeline", "alerting"),
    routers=(
        handoffs.router,
        board.router,
        todos.router,
        collab_events.router,
        collab_events.flows,
        deliverables.router,
        deliverables.templates,
    ),
    projections=(REFERENCE, PEOPLE, HANDOFFS, TODOS, OWNERLESS_STEPS, COLLAB_EVENTS),
    reactions=(LOST_DEALS,),
    resources={
        "handoff": Resource((HANDOFFS,), visible_handoffs),
        "todo": Resource((TODOS,), visible_todos),
    },
)

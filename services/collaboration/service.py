"""The collaboration service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from libs.rules.reference import REFERENCE
from libs.service.organisation import PEOPLE
from libs.service.service import Resource, Service
from services.collaboration.collab_events import api as collab_events
from services.collaboration.collab_events.projections import COLLAB_EVENTS
from services.collaboration.deliverables import api as deliverables
from services.collaboration.handoffs import api as handoffs
from services.collaboration.handoffs import board
from services.collaboration.handoffs.projections import HANDOFFS
from services.collaboration.handoffs.queries import visible_handoffs
from services.collaboration.handoffs.reactions import LOST_DEALS
from services.collaboration.todos import api as todos
from services.collaboration.todos.projections import OWNERLESS_STEPS, TODOS
from services.collaboration.todos.queries import visible_todos

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

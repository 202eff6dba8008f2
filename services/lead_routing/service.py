"""The lead-routing service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from libs.rules.reference import REFERENCE
from libs.service.imports.kind import import_job
from libs.service.imports.projections import IMPORTS
from libs.service.organisation import PEOPLE
from libs.service.service import Resource, Service
from services.lead_routing.assignment import api as assignment
from services.lead_routing.calendars import api as calendars
from services.lead_routing.erasure import api as erasure
from services.lead_routing.followup import api as followup
from services.lead_routing.followup.domain import RecentNotes
from services.lead_routing.followup.projections import COMPANY_CONTACTS, REP_NOTES
from services.lead_routing.followup.queries import recent_notes
from services.lead_routing.imports import api as imports
from services.lead_routing.imports.importers import IMPORTERS
from services.lead_routing.leads import api as leads
from services.lead_routing.leads.history import LEAD_HISTORY
from services.lead_routing.leads.projections import LEAD_BOARD
from services.lead_routing.leads.queries import visible_leads
from services.lead_routing.organisation import api as organisation
from services.lead_routing.organisation.projections import ROUTING_CANDIDATES
from services.lead_routing.pools import api as pools
from services.lead_routing.pools.projections import POOLS
from services.lead_routing.routing import api as routing
from services.lead_routing.routing.candidates import Candidates
from services.lead_routing.routing.projections import ROUTING_EXPLANATIONS
from services.lead_routing.routing.queries import candidates
from services.lead_routing.routing.reactions import RETRY_HELD_LEADS, ROUTE_LEADS
from services.lead_routing.units import api as units
from services.lead_routing.workload.projections import WORKLOADS
from services.lead_routing.workload.reactions import WEIGH_DEALS

SERVICE = Service(
    name="lead-routing",
    title="Lead routing",
    listens=("pipeline", "collaboration", "alerting", "kpi"),
    routers=(
        leads.router,
        assignment.router,
        followup.router,
        erasure.router,
        pools.router,
        routing.router,
        routing.policies,
        routing.tiers,
        organisation.router,
        units.router,
        calendars.router,
        imports.router,
    ),
    projections=(
        REFERENCE,
        PEOPLE,
        ROUTING_CANDIDATES,
        WORKLOADS,
        LEAD_BOARD,
        LEAD_HISTORY,
        REP_NOTES,
        COMPANY_CONTACTS,
        ROUTING_EXPLANATIONS,
        POOLS,
        IMPORTS,
    ),
    reactions=(ROUTE_LEADS, RETRY_HELD_LEADS, WEIGH_DEALS),
    providers={Candidates: candidates, RecentNotes: recent_notes},
    jobs={"import": import_job("lead-routing", IMPORTERS)},
    resources={"lead": Resource((LEAD_BOARD,), visible_leads)},
)

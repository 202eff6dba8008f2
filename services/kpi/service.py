"""The kpi service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from libs.rules.reference import REFERENCE
from libs.service.organisation import PEOPLE
from libs.service.service import Service
from services.kpi.deals import api as deals
from services.kpi.deals.projections import CATALOGUE, DEALS
from services.kpi.gate_friction import api as gate_friction
from services.kpi.gate_friction.projections import FRICTIONS
from services.kpi.gate_friction.reactions import GATE_FRICTION_FINDER
from services.kpi.process_health import api as process_health
from services.kpi.stages import api as stages
from services.kpi.stages.projections import STAGES

SERVICE = Service(
    name="kpi",
    title="KPI",
    listens=("lead-routing", "pipeline", "collaboration", "alerting"),
    routers=(deals.router, stages.router, process_health.router, gate_friction.router),
    projections=(REFERENCE, PEOPLE, CATALOGUE, DEALS, STAGES, FRICTIONS),
    reactions=(GATE_FRICTION_FINDER,),
)

"""The pipeline service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from libs.rules.reference import REFERENCE
from libs.service.imports.kind import import_job
from libs.service.imports.projections import IMPORTS
from libs.service.organisation import PEOPLE
from libs.service.service import Resource, Service
from services.pipeline.catalogue import api as catalogue
from services.pipeline.catalogue.domain import Catalogue
from services.pipeline.catalogue.projections import ACCOUNTS, PRODUCTS
from services.pipeline.catalogue.queries import catalogue as catalogue_of
from services.pipeline.definitions import api as definitions
from services.pipeline.evidence import api as evidence
from services.pipeline.evidence.projections import EVIDENCE_LIST
from services.pipeline.gates import api as gates
from services.pipeline.gates.fulfilling import RecentTexts
from services.pipeline.gates.projections import LEDGER, REJECTIONS
from services.pipeline.gates.queries import recent_texts
from services.pipeline.imports import api as imports
from services.pipeline.imports.importers import IMPORTERS
from services.pipeline.opportunities import api as opportunities
from services.pipeline.opportunities.projections import BOARD
from services.pipeline.opportunities.queries import visible_opportunities
from services.pipeline.opportunities.reactions import CONVERTED_LEADS
from services.pipeline.opportunities.visits import VISITS

SERVICE = Service(
    name="pipeline",
    title="Pipeline",
    listens=("lead-routing", "collaboration", "alerting", "kpi"),
    routers=(catalogue.router, definitions.router, opportunities.router, gates.router, evidence.router, imports.router),
    projections=(REFERENCE, PEOPLE, ACCOUNTS, PRODUCTS, BOARD, VISITS, LEDGER, REJECTIONS, EVIDENCE_LIST, IMPORTS),
    reactions=(CONVERTED_LEADS,),
    providers={Catalogue: catalogue_of, RecentTexts: recent_texts},
    jobs={"import": import_job("pipeline", IMPORTERS)},
    resources={"opportunity": Resource((BOARD,), visible_opportunities)},
)

"""Imports over HTTP: people first, then leads."""

from libs.service.imports.api import import_router
from services.lead_routing.imports.importers import IMPORTERS

router = import_router("lead-imports", "imports", IMPORTERS, "LeadImport")

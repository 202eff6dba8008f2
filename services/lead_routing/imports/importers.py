"""What lead-routing imports: people first, then leads."""

from services.lead_routing.imports.leads import LEADS_IMPORTER
from services.lead_routing.imports.people import PEOPLE_IMPORTER

IMPORTERS = (PEOPLE_IMPORTER, LEADS_IMPORTER)

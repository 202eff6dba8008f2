"""`python -m services.lead_routing serve|api|worker|migrate|projections|parked|log|tenants`."""

from libs.service.cli import command_line, configured
from services.lead_routing.service import SERVICE
from services.lead_routing.tenants.command_line import tenants_line

if __name__ == "__main__":
    line = command_line(SERVICE)
    line.add_typer(tenants_line(lambda: configured(SERVICE)), name="tenants")
    line()

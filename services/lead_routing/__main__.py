"""`python -m services.lead_routing serve|api|migrate|…`."""

from libs.service.cli import main
from services.lead_routing.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)

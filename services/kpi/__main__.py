"""`python -m services.kpi serve|api|migrate|…`."""

from libs.service.cli import main
from services.kpi.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)

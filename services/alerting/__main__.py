"""`python -m services.alerting`: the command line of the alerting service."""

from libs.service.cli import main
from services.alerting.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)

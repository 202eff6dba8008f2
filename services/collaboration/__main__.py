"""`python -m services.collaboration`: the command line of the collaboration service."""

from libs.service.cli import main
from services.collaboration.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)

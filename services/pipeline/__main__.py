"""`python -m services.pipeline serve|api|migrate|…`."""

from libs.service.cli import main
from services.pipeline.service import SERVICE

if __name__ == "__main__":
    main(SERVICE)
